"""Collection in a place that machines share, and the check of every blob there."""

from collections.abc import Iterator, Sequence

from strata.store.remote.blobs import SharedBlobs, blob_key, renewal_key
from strata.store.remote.port import Entry
from strata.store.remote.signs import LEASE_SECONDS
from strata.store.sweep import GcReport, VerifyReport

BATCH = 200  # blobs removed under one sign: so few that namers of them do not wait long


def collect_shared(blobs: SharedBlobs, grace_seconds: float, roots: frozenset[str], *, dry_run: bool) -> GcReport:
    """Remove what nothing names and nobody has written or renewed in the grace period; and what the dead left."""
    now = blobs.signs.now()
    oldest = now - grace_seconds
    renewals, there = blobs.survey()
    named = roots | blobs.named()
    loose = [digest for digest in sorted(there) if digest not in named and there[digest].changed <= oldest]
    removed = {digest: there[digest] for digest in loose}
    if not dry_run:
        stray = [digest for digest, changed in renewals.items() if digest not in there and changed <= oldest]
        work = loose + stray
        batches = (work[start : start + BATCH] for start in range(0, len(work), BATCH))
        removed = dict(pair for batch in batches for pair in _remove(blobs, batch, oldest, roots))
    leftovers, freed = _tidy(blobs, now, oldest, dry_run=dry_run)
    freed += sum(entry.size for entry in removed.values())
    kept = [entry.size for digest, entry in there.items() if digest not in removed]
    return GcReport(tuple(removed), leftovers, freed, len(kept), sum(kept), dry_run)


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
    """Look again, under a sign that others heed, at what seemed loose, and remove what is; yields the blobs."""
    with blobs.signs.sweeping(batch) as lease:
        spared = roots | blobs.signs.spared(lease) | blobs.named()  # in this order: a namer's sign goes after its ref
        renewals, there = blobs.survey()
        for digest in batch:
            blob = there.get(digest)
            if digest in spared or (blob.changed if blob else renewals.get(digest, 0.0)) > oldest:
                continue
            lease.check()
            blobs.remote.remove(renewal_key(digest))  # first: it is also gone then where we die in between
            if blob is not None:
                lease.check()
                blobs.remote.remove(blob_key(digest))
                yield digest, blob


def _tidy(blobs: SharedBlobs, now: float, oldest: float, *, dry_run: bool) -> tuple[int, int]:
    """Remove what dead writers left; returns how many files, and their bytes."""
    dead = blobs.signs.dead(now, blobs.blobs().keys())
    for sign in () if dry_run else dead:
        blobs.remote.remove(sign.key)
    count, size = blobs.remote.sweep(min(oldest, now - LEASE_SECONDS), dry_run=dry_run)
    return count + len(dead), size + sum(sign.size for sign in dead)
