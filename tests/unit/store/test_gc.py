"""The collector takes what nothing names, and nothing else."""

import hashlib
from pathlib import Path

import pytest

from strata.store import Store
from tests.support.places import Place, set_back

HOUR = 3600


def test_only_old_blobs_that_nothing_names_go(place: Place) -> None:
    store = place.machine()
    named = store.put_artifact(b"named", "k", "n").digest
    needed, pointed, loose = store.put(b"needed"), store.put(b"pointed"), store.put(b"loose")
    store.set_ref("manifest", "m", named, needs=[needed])
    place.age(2 * HOUR)
    young = store.put(b"young")

    planned = store.gc(roots=[pointed], dry_run=True)
    assert (planned.removed, planned.dry_run, store.has(loose)) == ((loose,), True, True)

    report = store.gc(roots=[pointed])
    assert (report.removed, report.bytes_freed, report.kept, report.leftovers) == ((loose,), 5, 4, 0)
    assert report.bytes_kept == len(b"namedneededpointedyoung")
    assert [store.has(d) for d in (named, needed, pointed, young, loose)] == [True, True, True, True, False]
    assert store.verify(roots=[pointed]).sound


def test_a_name_protects_even_without_grace(store: Store) -> None:
    named, loose = store.put_artifact(b"named", "k", "n").digest, store.put(b"loose")
    assert store.gc(0).removed == (loose,)
    assert store.read(named) == b"named"


def test_what_a_moved_ref_left_behind_goes(store: Store) -> None:
    old = store.put_artifact(b"old", "k", "n").digest
    store.put_artifact(b"new", "k", "n")
    assert store.gc(0).removed == (old,)


@pytest.mark.parametrize("act", ["put", "renew", "set_ref", "partial"])
def test_who_touches_a_blob_keeps_it_for_another_grace_period(place: Place, act: str) -> None:
    digest = place.machine().put(b"old")
    place.age(2 * HOUR)
    store = place.machine()
    if act == "put":
        store.put(b"old")
    elif act == "renew":
        store.renew(digest)
    elif act == "set_ref":
        store.set_ref("k", "n", digest)
        store.drop_ref("k", "n")
    else:
        with store.partial(digest, 3) as part:
            part.write(b"old")
            part.commit()
    assert store.gc(HOUR).removed == ()


def test_a_dead_writers_files_go_and_a_living_ones_stay(tmp_path: Path) -> None:
    store = Store(tmp_path)
    dead, living = (hashlib.sha256(data).hexdigest() for data in (b"dead", b"living"))
    with store.partial(dead, 4) as part:
        part.write(b"de")
    store.layout.staging.mkdir()
    (store.layout.staging / "tmpdead").write_bytes(b"123")
    with store.partial(living, 6) as part:
        part.write(b"liv")
        set_back(tmp_path, 2 * HOUR)
        report = store.gc()
        assert (report.leftovers, report.bytes_freed) == (2, 5)
        part.write(b"ing")
        part.commit()
    assert store.read(living) == b"living"
    assert not store.layout.partial(dead).exists()


def test_a_broken_off_transfer_can_be_resumed_after_a_collection(store: Store) -> None:
    digest = hashlib.sha256(b"slow").hexdigest()
    with store.partial(digest, 4) as part:
        part.write(b"sl")
    assert store.gc().leftovers == 0
    with store.partial(digest, 4) as part:
        assert part.offset == 2


def test_an_empty_store_is_fine(store: Store) -> None:
    report = store.gc()
    assert (report.removed, report.kept) == ((), 0)
    assert store.verify().sound
