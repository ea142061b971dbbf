"""What every place of a shared store promises, the simulated one like the real ones."""

from pathlib import Path

import pytest

from strata.store.remote import Remote


def test_what_is_not_there_is_not_found(remote: Remote) -> None:
    assert (remote.stat("refs/k/n"), remote.read("refs/k/n", 0, 10), remote.list("refs")) == (None, None, [])
    remote.remove("refs/k/n")


@pytest.mark.parametrize("data", [b"", b"x", bytes(range(256)) * 1000])
def test_what_is_written_is_there(remote: Remote, tmp_path: Path, data: bytes) -> None:
    remote.write("blobs/ab/one", data)
    (tmp_path / "source").write_bytes(data)
    remote.write("blobs/cd/two", tmp_path / "source")
    for key in ("blobs/ab/one", "blobs/cd/two"):
        entry = remote.stat(key)
        assert (entry.key, entry.size) == (key, len(data))
        assert remote.read(key) == remote.read(key, 0, len(data) + 5) == data
    assert [entry.key for entry in remote.list("blobs")] == ["blobs/ab/one", "blobs/cd/two"]
    assert remote.list("blobs") == [remote.stat("blobs/ab/one"), remote.stat("blobs/cd/two")]


@pytest.mark.parametrize(("start", "end"), [(0, 3), (2, 5), (3, 100), (0, 0), (9, 10), (10, 12)])
def test_a_range_is_what_a_slice_is(remote: Remote, start: int, end: int) -> None:
    remote.write("signs/x", b"0123456789")
    assert remote.read("signs/x", start, end) == b"0123456789"[start:end]


def test_what_is_written_again_is_the_later_one(remote: Remote) -> None:
    remote.write("refs/k/n", b"a longer one before")
    first = remote.stat("refs/k/n")
    remote.write("refs/k/n", b"after")
    later = remote.stat("refs/k/n")
    assert (remote.read("refs/k/n"), later.size, later.changed >= first.changed) == (b"after", 5, True)


def test_a_folder_is_not_another_whose_name_begins_alike(remote: Remote) -> None:
    for key in ("signs/one", "signs2/two", "signs/three"):
        remote.write(key, b"x")
    assert [entry.key for entry in remote.list("signs")] == ["signs/one", "signs/three"]


def test_what_is_removed_is_gone(remote: Remote) -> None:
    remote.write("signs/x", b"x")
    remote.remove("signs/x")
    assert (remote.stat("signs/x"), remote.read("signs/x"), remote.list("signs")) == (None, None, [])


def test_all_files_have_one_clock(remote: Remote) -> None:
    for number in range(5):
        remote.write(f"signs/{number}", b"x")
    times = [remote.stat(f"signs/{number}").changed for number in range(5)]
    assert times == sorted(times)
