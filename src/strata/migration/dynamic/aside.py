"""Copies of a tree, in which a project's code may run and write without touching the user's files."""

import hashlib
import os
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from strata.errors import StrataError
from strata.migration.project import Change, Root

MOST_BYTES = 4 << 30
# Nothing that code of the project imports lies in these.
SKIPPED = {
    ".git", ".hg", ".svn", ".tox", ".nox", ".venv", "venv", "node_modules", "__pycache__", ".mypy_cache",
    ".pytest_cache", ".ruff_cache", ".strata", ".hypothesis", ".eggs",
}  # fmt: skip


class TooLarge(StrataError):
    """A tree that is too large to be copied aside."""


def copy_aside(tree: Path, folder: Path) -> Path:
    """Copy a tree, without histories, environments and caches, into `folder`; returns the copy, which has its name.

    Files keep their times, links stay links. Raises TooLarge.
    """
    target = folder / tree.name
    total = 0

    def unwanted(parent: str, names: list[str]) -> set[str]:
        nonlocal total
        for name in names:
            path = os.path.join(parent, name)
            total += os.lstat(path).st_size if not os.path.isdir(path) else 0
        if total > MOST_BYTES:
            raise TooLarge(
                f"{tree} is larger than {MOST_BYTES >> 30} GiB: name a smaller root, or check statically only"
            )
        caches = {
            name for name in set(names) & SKIPPED if not os.path.exists(os.path.join(parent, name, "__init__.py"))
        }
        special = {name for name in names if _is_special(os.path.join(parent, name))}
        environments = {name for name in names if os.path.exists(os.path.join(parent, name, "pyvenv.cfg"))}
        return caches | special | environments

    shutil.copytree(tree, target, symlinks=True, ignore=unwanted)
    return target


def derive(copy: Path, folder: Path, changes: Iterable[Change]) -> Path:
    """A copy of a copy, with caches of bytecode, in which the changes are made."""
    target = folder / copy.name
    shutil.copytree(copy, target, symlinks=True)
    write_changes(target, changes)
    return target


def write_changes(copy: Path, changes: Iterable[Change]) -> None:
    """Give files of a copy their bytes after (None: none). Each content has a time of its own.

    By the time and the size Python tells whether its bytecode is a file's, and by nothing else.
    """
    for change in changes:
        path = copy / change.path
        if change.after is None:
            path.unlink(missing_ok=True)
            continue
        path.parent.mkdir(parents=True, exist_ok=True)
        mode = path.stat().st_mode if path.exists() else 0o644
        path.unlink(missing_ok=True)
        path.write_bytes(change.after)
        path.chmod(mode & 0o7777)
        moment = int.from_bytes(hashlib.sha256(change.after).digest()[:4], "big") >> 1
        os.utime(path, (moment, moment))


def on_path(copy: Path, roots: Sequence[Root]) -> list[str]:
    """The folders of a copy that are on `sys.path` for roots; above the copy, where the tree is itself a package."""
    found = []
    for root in roots:
        folder = copy / root.folder
        for _ in root.prefix.split(".") if root.prefix else ():
            folder = folder.parent
        found.append(str(folder))
    return list(dict.fromkeys(found))


def _is_special(path: str) -> bool:
    return not (os.path.isfile(path) or os.path.isdir(path) or os.path.islink(path))
