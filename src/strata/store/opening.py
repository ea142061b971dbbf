"""The store that the settings name: a folder of this machine, or one that several machines share."""

from pathlib import Path
from typing import TYPE_CHECKING

from strata.store.store import Store

if TYPE_CHECKING:
    from strata.settings import Settings


def open_store(settings: "Settings") -> Store:
    """The store of this home. Raises RemoteError where it is to be shared and its place cannot be used."""
    return store_at(settings.store_root, settings.store_url)


def store_at(root: Path, url: str | None) -> Store:
    """The store in this folder or, with a URL, the shared one, of which the folder is this machine's cache.

    Raises RemoteError.
    """
    if not url:
        return Store(root)
    from strata.store.remote import open_remote
    from strata.store.remote.blobs import SharedBlobs
    from strata.store.shared import SharedStore

    return SharedStore(root, SharedBlobs(open_remote(url)))
