"""Blobs: what is put is read, and what is not right is refused."""

import hashlib
from pathlib import Path

import pytest

from strata.store import BlobCorrupt, BlobMissing, InvalidName, Store
from tests.support.places import Place

ABSENT = "0" * 64


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 10_000], ids=["empty", "one", "many"])
def test_what_is_put_is_read(store: Store, data: bytes) -> None:
    digest = store.put(data)
    buffer = bytearray(len(data))
    store.read_into(digest, [memoryview(buffer)])
    with store.open(digest) as file:
        assert file.read() == data
    assert digest == hashlib.sha256(data).hexdigest()
    assert (store.read(digest), bytes(buffer), store.size(digest), store.has(digest)) == (data, data, len(data), True)


def test_putting_twice_writes_once(tmp_path: Path) -> None:
    store = Store(tmp_path / "not" / "yet" / "there")
    first = store.layout.blob(store.put(b"same")).stat().st_ino
    assert store.layout.blob(store.put(b"same")).stat().st_ino == first


def test_nothing_temporary_stays_behind(place: Place) -> None:
    digest = place.machine().put_artifact(b"data", "kind", "name").digest
    place.machine().read(digest)
    assert place.temporary() == []


def test_an_absent_blob_is_named(store: Store) -> None:
    assert not store.has(ABSENT)
    for ask in (
        store.read,
        store.open,
        store.path,
        store.size,
        store.check,
        store.renew,
        lambda d: store.read_into(d, []),
    ):
        with pytest.raises(BlobMissing, match=ABSENT):
            ask(ABSENT)


@pytest.mark.parametrize("harm", [Place.spoil, Place.cut])
def test_a_corrupt_blob_is_refused_and_mended_by_putting_it_again(place: Place, harm) -> None:
    store = place.machine()
    digest = store.put(b"some tensor" * 1000)
    harm(place, digest)
    other = place.machine()
    with pytest.raises(BlobCorrupt, match=digest):
        other.read(digest)
    with pytest.raises(BlobCorrupt, match=digest):
        other.read_into(digest, [memoryview(bytearray(other.size(digest)))])
    with pytest.raises(BlobCorrupt, match=digest):
        other.check(digest)
    assert store.put(b"some tensor" * 1000) == digest
    assert other.read(digest) == b"some tensor" * 1000
    assert place.machine().check(digest) == 11_000


@pytest.mark.parametrize("length", [0, 7, 9])
def test_a_buffer_of_another_size_is_refused(store: Store, length: int) -> None:
    digest = store.put(b"8 bytes!")
    with pytest.raises(BlobCorrupt, match="8 bytes on disk"):
        store.read_into(digest, [memoryview(bytearray(length))])


def test_a_buffer_of_wider_items_is_filled(store: Store) -> None:
    digest = store.put(bytes(range(8)))
    buffer = bytearray(8)
    store.read_into(digest, [memoryview(buffer).cast("I")])
    assert buffer == bytes(range(8))


@pytest.mark.parametrize("digest", ["", "../" * 21 + "x", "A" * 64, "a" * 63, "a" * 65, "a" * 64 + "\n", "/etc/passwd"])
def test_only_digests_become_paths(store: Store, digest: str) -> None:
    for ask in (store.has, store.read, store.size, lambda d: store.partial(d, 1)):
        with pytest.raises(InvalidName):
            ask(digest)


def test_verify_names_what_is_corrupt_and_what_is_missing(place: Place) -> None:
    store = place.machine()
    good, bad, gone = (store.put_artifact(data, "k", data.decode()).digest for data in (b"good", b"bad", b"gone"))
    place.spoil(bad)
    place.lose(gone)
    report = store.verify(roots={good, ABSENT})
    assert (report.checked, report.bytes_checked, report.sound) == (2, 7, False)
    assert report.corrupt == (bad,)
    assert report.missing == tuple(sorted((gone, ABSENT)))
    assert store.has(bad), "verify removes nothing"
