"""Collection in a place that machines share, and the check of every blob there."""

from collections.abc import Iterator, Sequence

from strata.store.remote.blobs import SharedBlobs, blob_key
from strata.store.remote.port import Entry
from strata.store.remote.signs import LEASE_SECONDS
from strata.store.sweep import GcReport, VerifyReport

BATCH = 200  # blobs removed under one sign: so few that namers of them do not wait long


def collect_shared(blobs: SharedBlobs, grace_seconds: float, roots: frozenset[str], *, dry_run: bool) -> GcReport:
    """Remove what nothing names and nobody has written or renewed in the grace period; and what the dead left."""
    now = blobs.signs.now()
    oldest = now - grace_seconds
    there = blobs.blobs()
    named = roots | blobs.named()
    loose = [digest for digest in sorted(there) if digest not in named and there[digest].changed <= oldest]
    removed = {digest: there[digest] for digest in loose}
    if not dry_run:
        batches = (loose[start : start + BATCH] for start in range(0, len(loose), BATCH))
        removed = dict(pair for batch in batches for pair in _remove(blobs, batch, oldest, roots))
    leftovers, freed = _tidy(blobs, now, oldest, dry_run=dry_run)
    freed += sum(entry.size for entry in removed.values())
    return GcReport(tuple(removed), leftovers, freed, len(there) - len(removed), dry_run)


def verify_shared(blobs: SharedBlobs, roots: frozenset[str]) -> VerifyReport:
    """Read every blob. Who puts a corrupt one again from now on writes its bytes."""
    checked = size = 0
    corrupt: list[str] = []
    for digest, entry in sorted(blobs.blobs().items()):
        if blobs.find(digest) is None:
            continue  # collected since the listing
        checked += 1
        size += entry.size
        if blobs.hash(digest, entry.size) != digest:
            corrupt.append(digest)
            blobs.signs.doubt(digest)
    wanted = sorted(roots | blobs.named())
    missing = [digest for digest, entry in zip(wanted, blobs.each(blobs.find, wanted), strict=True) if entry is None]
    return VerifyReport(checked, size, tuple(corrupt), tuple(missing))


def _remove(
    blobs: SharedBlobs, batch: Sequence[str], oldest: float, roots: frozenset[str]
) -> Iterator[tuple[str, Entry]]:
    """Look again, under a sign that others heed, at what seemed loose, and remove what is."""
    with blobs.signs.sweeping(batch) as lease:
        spared = roots | blobs.signs.spared(lease) | blobs.named()  # in this order: a namer's sign goes after its ref
        there = blobs.blobs()
        for digest in batch:
            if digest in spared or digest not in there or there[digest].changed > oldest:
                continue
            lease.check()
            blobs.remote.remove(blob_key(digest))
            blobs.remote.remove(f"renewed/{digest}")
            yield digest, there[digest]


def _tidy(blobs: SharedBlobs, now: float, oldest: float, *, dry_run: bool) -> tuple[int, int]:
    """Remove what dead writers left, and renewals of what is not there; returns how many of the former, and bytes."""
    there = blobs.blobs()
    dead = blobs.signs.dead(now, there.keys())
    stray = [
        entry
        for entry in blobs.remote.list("renewed")
        if entry.changed <= oldest and entry.key.rpartition("/")[2] not in there
    ]
    for entry in () if dry_run else (*dead, *stray):
        blobs.remote.remove(entry.key)
    count, size = blobs.remote.sweep(min(oldest, now - LEASE_SECONDS), dry_run=dry_run)
    return count + len(dead), size + sum(entry.size for entry in dead)
