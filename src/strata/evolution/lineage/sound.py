"""Whether a model in the store is whole: every byte is read before anything is made to depend on it."""

from strata.errors import StrataError
from strata.evolution.models import ModelManifest, open_model
from strata.store import Store


def verify_model(store: Store, digest: str) -> ModelManifest:
    """The model's manifest, after the SHA-256 of all its files was found right.

    Raises BlobMissing, BlobCorrupt, BadModel, InvalidName.
    """
    manifest = open_model(store, digest)
    for blob in manifest.files.values():
        store.check(blob)
    return manifest


def damage(store: Store, digest: str) -> str | None:
    """What is wrong with a model in the store, in words; None where nothing is."""
    try:
        verify_model(store, digest)
    except (StrataError, OSError) as error:  # a failing disk is damage too
        return str(error)
    return None
