"""A model as an artifact of the store: a manifest that names its files by their digests.

Public face: `ModelManifest`, `put_model`, `open_model`, `check_out`, `BadModel`.
"""

from strata.evolution.models.artifact import BadModel, ModelManifest, check_out, open_model, put_model

__all__ = ["BadModel", "ModelManifest", "check_out", "open_model", "put_model"]
