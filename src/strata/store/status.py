"""What is where: in this machine's folder, and in the place that machines share."""

from dataclasses import dataclass

from strata.store.remote import Entry
from strata.store.shared import SharedStore
from strata.store.store import Store


@dataclass(frozen=True)
class Held:
    """What one place holds; where: a folder or a URL. arriving: blobs of which a part has come so far."""

    where: str
    blobs: int
    bytes: int
    refs: int
    arriving: int = 0


@dataclass(frozen=True)
class StoreStatus:
    """shared: None where the store is this machine's alone. only_here, only_there: (blobs, bytes) of one place only."""

    here: Held
    shared: Held | None
    only_here: tuple[int, int] = (0, 0)
    only_there: tuple[int, int] = (0, 0)


def store_status(store: Store) -> StoreStatus:
    """Count what is there; nothing is read. Raises RefCorrupt, RemoteError."""
    layout = store.layout
    here = {path.name: path.stat().st_size for path in layout.blobs.glob("*/*")}
    arriving = sum(1 for _ in layout.partials.glob("*"))
    local = Held(str(layout.root), len(here), sum(here.values()), sum(1 for _ in Store(layout.root).refs()), arriving)
    if not isinstance(store, SharedStore):
        return StoreStatus(local, None)
    there = store.shared.blobs()
    shared = Held(store.shared.remote.url, len(there), _bytes(there), len(store.shared.refs()))
    lacking = {digest: entry for digest, entry in there.items() if digest not in here}
    extra = [size for digest, size in here.items() if digest not in there]
    return StoreStatus(local, shared, (len(extra), sum(extra)), (len(lacking), _bytes(lacking)))


def _bytes(entries: dict[str, Entry]) -> int:
    return sum(entry.size for entry in entries.values())
