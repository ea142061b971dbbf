"""A store that was this machine's alone, put into the place that it now shares with others."""

from collections.abc import Iterable
from dataclasses import dataclass

from strata.store.errors import BlobMissing
from strata.store.refs import ArtifactRef, RefEntry, iterate
from strata.store.shared import SharedStore


@dataclass(frozen=True)
class PushReport:
    """blobs, bytes: written. named: refs set; left: refs that name something else there, and stay so."""

    blobs: int
    bytes: int
    named: tuple[ArtifactRef, ...]
    left: tuple[ArtifactRef, ...]


def push(store: SharedStore, roots: Iterable[str] = ()) -> PushReport:
    """Put what this machine's folder names, and those of `roots` (the ledger's digests) that it has, where all see it.

    Every blob is verified before. Names that are there already are left alone. It may be repeated, and goes on where it
    was. Raises BlobMissing and BlobCorrupt for what a name of this machine stands for.
    """
    entries = list(iterate(store.layout))
    wanted = {digest for _, entry in entries for digest in (entry.digest, *entry.needs)}
    there = store.shared.blobs()
    written = [_push(store, digest) for digest in sorted(wanted - there.keys())]
    for digest in sorted(frozenset(roots) - wanted - there.keys()):
        if store.layout.blob(digest).exists():
            written.append(_push(store, digest))
    named, left = list[ArtifactRef](), list[ArtifactRef]()
    for ref, entry in entries:
        found = store.shared.ref(ref.kind, ref.name)
        if found is None:
            named.append(store.set_ref(ref.kind, ref.name, ref.digest, entry.needs))
        elif found != RefEntry(ref.digest, entry.needs):
            left.append(ref)
    return PushReport(len(written), sum(written), tuple(named), tuple(left))


def _push(store: SharedStore, digest: str) -> int:
    path = store.layout.blob(digest)
    if not path.exists():
        raise BlobMissing(digest, f"the folder {store.layout.root}")
    size = store.check_here(digest)
    store.shared.put(digest, size, path)
    return size
