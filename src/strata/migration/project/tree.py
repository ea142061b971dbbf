"""The files of a project: those that git would commit, or without git those outside of environments and caches."""

import os
import stat
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from strata.errors import StrataError

SKIPPED = {"__pycache__", "node_modules", "site-packages", "build", "dist"}
ENDINGS = (".py", ".pyi", ".pyx", ".so", ".pyd")  # what makes a name importable, or its stub
GIT_SECONDS = 60


class BadProject(StrataError):
    """A folder in which there is nothing to migrate."""


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is left alone."""

    path: str
    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A Python file: its path from the tree's root with `/`, and what tells that it changed since."""

    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class Tree:
    """A project's folder, its Python files in the order of their paths, and other files that make names importable."""

    root: Path
    files: tuple[SourceFile, ...]
    others: tuple[str, ...]
    problems: tuple[Problem, ...]


def open_tree(root: Path) -> Tree:
    """Find the files below `root`; symbolic links are not followed. Raises BadProject where there is no Python file."""
    if not root.is_dir():
        raise BadProject(f"{root} is no folder; name the root of a project")
    root = root.resolve()
    files, others, problems = [], [], []
    for path in sorted(_committed(root) or _walked(root)):
        try:
            found = os.lstat(root / path)
        except (OSError, ValueError):
            continue  # git still lists what was deleted
        if stat.S_ISLNK(found.st_mode):
            problems.append(Problem(path, "link", "is a symbolic link, and left alone"))
        elif path.endswith(".py"):
            files.append(SourceFile(path, found.st_size, found.st_mtime_ns))
        else:
            others.append(path)
    if not files:
        raise BadProject(f"{root} has no Python file; name the root of a project")
    return Tree(root, tuple(files), tuple(others), tuple(problems))


def _committed(root: Path) -> list[str]:
    """Paths that git tracks or would add; none where the folder is in no work tree, or is itself ignored."""
    # Read by git, a work tree's own configuration can name a program to run as its file monitor.
    command = ["git", "-C", str(root), "-c", "core.fsmonitor=false"]
    command += ["ls-files", "-z", "--cached", "--others", "--exclude-standard", "--", "."]
    try:
        done = subprocess.run(command, capture_output=True, timeout=GIT_SECONDS, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return []
    names = os.fsdecode(done.stdout).split("\0") if done.returncode == 0 else []
    return [name for name in names if name.endswith(ENDINGS)]


def _walked(root: Path) -> Iterator[str]:
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if _wanted(folder, name)]
        inside = os.path.relpath(folder, root)
        for name in names:
            if name.endswith(ENDINGS):
                yield name if inside == "." else f"{inside}/{name}".replace(os.sep, "/")


def _wanted(folder: str, name: str) -> bool:
    path = os.path.join(folder, name)
    if name.startswith(".") or (name in SKIPPED and not os.path.exists(os.path.join(path, "__init__.py"))):
        return False
    return not os.path.islink(path) and not os.path.exists(os.path.join(path, "pyvenv.cfg"))
