"""What is where, and how a store of one machine becomes one that several share."""

from dataclasses import asdict
from pathlib import Path

import pytest

from strata.store import ArtifactRef, BlobCorrupt, BlobMissing, Store, push, store_status
from tests.support.places import Place, mounted


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return mounted(tmp_path)


def test_status_of_a_store_of_one_machine(tmp_path: Path) -> None:
    store = Store(tmp_path)
    store.put_artifact(b"12345", "model", "best")
    with store.partial("0" * 64, 3):
        pass
    assert asdict(store_status(store)) == {
        "here": {"where": str(tmp_path), "blobs": 1, "bytes": 5, "refs": 1, "arriving": 1},
        "shared": None,
        "only_here": (0, 0),
        "only_there": (0, 0),
    }


def test_status_of_a_shared_store(place: Place) -> None:
    one, other = place.machine(), place.machine()
    one.put_artifact(b"12345", "model", "best")
    other.put(b"123")
    Store(other.layout.root).put(b"1")
    found = store_status(other)
    assert (found.here.blobs, found.here.bytes, found.here.refs) == (2, 4, 0)
    assert (found.shared.where, found.shared.blobs, found.shared.bytes) == (place.remote.url, 2, 8)
    assert (found.shared.refs, found.only_here, found.only_there) == (1, (1, 1), (1, 5))


def test_what_was_stored_alone_is_put_where_all_see_it(place: Place) -> None:
    one = place.machine()
    alone = Store(one.layout.root)
    digest, need, root, loose = (alone.put(data) for data in (b"model", b"need", b"root", b"loose"))
    alone.set_ref("model", "best", digest, [need])
    report = push(one, [root, "f" * 64])
    assert (report.blobs, report.bytes) == (3, 13)
    assert (report.named, report.left) == ((ArtifactRef(digest, "model", "best"),), ())
    other = place.machine()
    assert (other.ref("model", "best").digest, other.read(need), other.read(root)) == (digest, b"need", b"root")
    assert not other.has(loose)
    again = push(one, [root])
    assert (again.blobs, again.named, again.left) == (0, (), ())


def test_names_that_are_there_stay(place: Place) -> None:
    theirs = place.machine().put_artifact(b"theirs", "model", "best")
    one = place.machine()
    mine = Store(one.layout.root).put_artifact(b"mine", "model", "best")
    assert push(one).left == (mine,)
    assert place.machine().ref("model", "best") == theirs


def test_nothing_that_has_rotted_is_put_there(place: Place) -> None:
    one = place.machine()
    digest = Store(one.layout.root).put_artifact(b"mine", "model", "best").digest
    one.layout.blob(digest).write_bytes(b"mime")
    with pytest.raises(BlobCorrupt, match=digest):
        push(one)
    one.layout.blob(digest).unlink()
    with pytest.raises(BlobMissing, match=f"{digest} is not in the folder"):
        push(one)
    assert not place.machine().has(digest)
