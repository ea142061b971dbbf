"""A store that machines share: the place is the truth, each machine's folder a cache that can be lost or rot."""

import hashlib
import os
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from threading import Barrier

import pytest

from strata.store import BlobCorrupt, BlobMissing, RemoteError, SharedStore
from strata.store.remote import MARK, FolderRemote, prepare
from strata.store.remote import blobs as shared_blobs
from strata.store.remote.blobs import SharedBlobs, blob_key
from tests.support.places import Place

DATA = bytes(range(256)) * 40  # some pieces of it
DIGEST = hashlib.sha256(DATA).hexdigest()
ABSENT = "0" * 64


class Watched(FolderRemote):
    """Counts requests, and has those fail for which `fails` says so."""

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self.asked: Counter[str] = Counter()
        self.fails: Callable[[str, str, int], bool] = lambda what, key, start: False

    def __getattribute__(self, name: str):
        found = super().__getattribute__(name)
        if name not in ("stat", "read", "write", "remove", "list"):
            return found

        def asked(key: str, *arguments):
            self.asked[name] += 1
            if self.fails(name, key, arguments[0] if name == "read" and arguments else 0):
                raise RemoteError(f"{self.url} fails, as the test has it")
            return found(key, *arguments)

        return asked


@pytest.fixture
def shared(tmp_path: Path) -> Watched:
    return prepare(Watched(tmp_path / "share"))


@pytest.fixture
def machine(tmp_path: Path, shared: Watched) -> Callable[[str], SharedStore]:
    def opened(name: str) -> SharedStore:
        return SharedStore(tmp_path / name, SharedBlobs(shared))

    return opened


@pytest.fixture(autouse=True)
def small_pieces(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shared_blobs, "PIECE", 1000)


def spoil(path: Path) -> None:
    data = path.read_bytes()
    path.write_bytes(b"?" + data[1:])


def test_what_one_machine_puts_and_names_the_others_read(place: Place) -> None:
    one, other = place.machine(), place.machine()
    digest, need = one.put(DATA), one.put(b"need")
    one.set_ref("model", "best", digest, [need])
    assert other.ref("model", "best").digest == digest
    assert [ref.name for ref in other.refs()] == ["best"]
    assert (other.read(digest), other.size(need), other.check(need)) == (DATA, 4, 4)
    assert other.path(digest).read_bytes() == DATA
    other.drop_ref("model", "best")
    assert one.ref("model", "best") is None


def test_what_is_here_is_read_without_a_request(machine, shared: Watched) -> None:
    machine("a").put(DATA)
    other = machine("b")
    assert other.read(DIGEST) == DATA
    shared.asked.clear()
    assert (other.read(DIGEST), other.size(DIGEST)) == (DATA, len(DATA))
    assert not shared.asked


def test_what_is_there_is_not_sent_again(machine, shared: Watched) -> None:
    machine("a").put(DATA)
    written = (shared._root / blob_key(DIGEST)).stat().st_ino
    machine("b").put(DATA)
    assert (shared._root / blob_key(DIGEST)).stat().st_ino == written


def test_a_put_that_does_not_come_through_is_told_and_seen_by_nobody(machine, shared: Watched) -> None:
    shared.fails = lambda what, key, start: what == "write" and key.startswith("blobs/")
    with pytest.raises(RemoteError, match="fails"):
        machine("a").put_artifact(DATA, "model", "best")
    shared.fails = lambda what, key, start: False
    assert (machine("a").has(DIGEST), machine("b").has(DIGEST)) == (False, False)
    assert machine("b").ref("model", "best") is None
    with pytest.raises(BlobMissing, match=f"{DIGEST} is not in the store at {shared.url}"):
        machine("a").set_ref("model", "best", DIGEST)


@pytest.mark.parametrize("place", ["mounted", "memory", "moved", "s3"], indirect=True)
def test_corrupt_bytes_are_refused_named_and_not_kept(place: Place) -> None:
    digest = place.machine().put(DATA)
    place.spoil(digest)
    other = place.machine()
    with pytest.raises(
        BlobCorrupt, match=f"{digest} is corrupt: its SHA-256 differs in the store at {place.remote.url}"
    ):
        other.open(digest)
    assert not [path for path in other.layout.root.rglob("*") if path.is_file() and path.stat().st_size]


def test_who_may_only_read_is_told_of_corrupt_bytes_too(machine, shared: Watched) -> None:
    machine("a").put(DATA)
    spoil(shared._root / blob_key(DIGEST))
    shared.fails = lambda what, key, start: what == "write"
    with pytest.raises(BlobCorrupt, match=DIGEST):
        machine("b").read(DIGEST)


@pytest.mark.parametrize("ask", [lambda store: store.read(DIGEST), lambda store: store.check(DIGEST)])
def test_a_copy_that_has_rotted_is_fetched_anew(machine, ask) -> None:
    machine("a").put(DATA)
    other = machine("b")
    expected = ask(other)
    spoil(other.layout.blob(DIGEST))
    assert ask(other) == expected
    assert other.layout.blob(DIGEST).read_bytes() == DATA


def test_a_copy_that_has_rotted_fails_one_reader_into_buffers(machine) -> None:
    one = machine("a")
    one.put(DATA)
    spoil(one.layout.blob(DIGEST))
    buffer = bytearray(len(DATA))
    with pytest.raises(BlobCorrupt):
        one.read_into(DIGEST, [memoryview(buffer)])
    one.read_into(DIGEST, [memoryview(buffer)])
    assert buffer == DATA


def test_a_buffer_of_another_size_costs_no_copy(machine) -> None:
    one = machine("a")
    one.put(DATA)
    with pytest.raises(BlobCorrupt):
        one.read_into(DIGEST, [memoryview(bytearray(5))])
    assert one.layout.blob(DIGEST).exists()


def test_a_transfer_that_breaks_off_goes_on_where_it_was(machine, shared: Watched) -> None:
    machine("a").put(DATA)
    shared.fails = lambda what, key, start: what == "read" and start >= 4000
    other = machine("b")
    with pytest.raises(RemoteError):
        other.read(DIGEST)
    assert other.layout.partial(DIGEST).stat().st_size == 4000
    shared.fails = lambda what, key, start: what == "read" and key.startswith("blobs") and start < 4000
    assert other.read(DIGEST) == DATA


def test_what_rotted_meanwhile_is_not_held_against_the_shared_place(machine, shared: Watched) -> None:
    machine("a").put(DATA)
    shared.fails = lambda what, key, start: what == "read" and start >= 4000
    other = machine("b")
    with pytest.raises(RemoteError):
        other.read(DIGEST)
    spoil(other.layout.partial(DIGEST))
    shared.fails = lambda what, key, start: False
    assert other.read(DIGEST) == DATA
    assert shared.list("signs") == []


def test_many_who_want_a_blob_fetch_it_once(machine, shared: Watched) -> None:
    machine("a").put(DATA)
    shared.asked.clear()
    begin = Barrier(4)

    def read(_: int) -> bytes:
        begin.wait()
        return machine("b").read(DIGEST)

    with ThreadPoolExecutor(4) as threads:
        assert list(threads.map(read, range(4))) == [DATA] * 4
    assert shared.asked["read"] == -(-len(DATA) // 1000)


def test_a_blob_that_came_in_pieces_is_shared(machine) -> None:
    with machine("a").partial(DIGEST, len(DATA)) as part:
        part.write(DATA)
        assert not machine("b").has(DIGEST)
        part.commit()
    assert machine("b").read(DIGEST) == DATA


def test_a_store_that_is_gone_is_not_taken_for_an_empty_one(machine, shared: Watched) -> None:
    one = machine("a")
    one.put_artifact(DATA, "model", "best")
    os.rename(shared._root, shared._root.with_name("elsewhere"))
    for ask in (lambda: one.ref("model", "best"), lambda: list(one.refs()), lambda: one.set_ref("model", "x", DIGEST)):
        with pytest.raises(RemoteError, match=f"no store at {shared.url}"):
            ask()


def test_a_collection_also_frees_this_machines_folder(machine) -> None:
    one, other = machine("a"), machine("b")
    digest, kept = one.put(DATA), one.put_artifact(b"kept", "model", "best").digest
    assert (other.read(digest), other.read(kept)) == (DATA, b"kept")
    assert one.gc(0).removed == (digest,)
    assert (one.layout.blob(digest).exists(), other.layout.blob(digest).exists()) == (False, True)
    report = other.gc(0)
    assert (report.removed, other.layout.blob(digest).exists(), other.layout.blob(kept).exists()) == ((), False, True)


def test_a_rehearsed_collection_removes_nothing_anywhere(machine) -> None:
    one = machine("a")
    one.put(DATA)
    assert one.gc(0, dry_run=True).removed == (DIGEST,)
    assert (one.has(DIGEST), one.layout.blob(DIGEST).exists()) == (True, True)


def test_strangers_files_are_left_alone(machine, shared: Watched) -> None:
    shared.write("blobs/ab/README", b"what somebody has put there")
    one = machine("a")
    one.put(DATA)
    assert (one.gc(0).removed, one.verify().checked) == ((DIGEST,), 0)
    assert shared.stat("blobs/ab/README") is not None


def test_a_store_of_another_format_is_refused(shared: Watched) -> None:
    shared.write(MARK, b'{"format": 2}')
    with pytest.raises(RemoteError, match="format 2; this release reads 1"):
        prepare(shared)
    shared.write(MARK, b"<html>")
    with pytest.raises(RemoteError, match="choose another URL"):
        prepare(shared)
