"""A model as an artifact of the store: a manifest that names its files by their digests.

Public face: `ModelManifest`, `put_model`, `open_model`, `find_model`, `check_out`, `BadModel`; `not_finite`: which
weights are no numbers; `quietly`, to load or save models without transformers' progress bars.
"""

from strata.evolution.models.artifact import BadModel, ModelManifest, check_out, find_model, open_model, put_model
from strata.evolution.models.finite import not_finite
from strata.evolution.models.quiet import quietly

__all__ = ["BadModel", "ModelManifest", "check_out", "find_model", "not_finite", "open_model", "put_model", "quietly"]
