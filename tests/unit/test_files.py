"""Files that change all at once: what is left when it works, and when it does not."""

import os
from pathlib import Path

import pytest

from strata import files


def test_a_file_is_written_and_written_again(tmp_path: Path) -> None:
    path = tmp_path / "new" / "folder" / "file"
    files.write(path, b"first")
    files.write(path, b"second", mode=0o640)
    assert path.read_bytes() == b"second"
    assert path.stat().st_mode & 0o777 == 0o640 & ~umask()
    assert list(path.parent.iterdir()) == [path]


def test_a_new_file_is_only_its_owners_where_that_is_asked(tmp_path: Path) -> None:
    path = tmp_path / "key"
    files.write_new(path, b"secret", mode=0o600)
    assert (path.read_bytes(), path.stat().st_mode & 0o777, path.stat().st_nlink) == (b"secret", 0o600, 1)


def test_a_file_that_exists_is_not_made_anew(tmp_path: Path) -> None:
    path = tmp_path / "key"
    path.write_bytes(b"old")
    with pytest.raises(FileExistsError):
        files.write_new(path, b"new")
    assert (path.read_bytes(), list(tmp_path.iterdir())) == (b"old", [path])


def test_a_write_that_fails_leaves_the_old_content_and_nothing_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "folder"
    (path / "inside").mkdir(parents=True)
    with pytest.raises(OSError, match="folder"):
        files.write(path, b"data")  # a folder is not replaced by a file
    assert list(tmp_path.iterdir()) == [path]


def umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask
