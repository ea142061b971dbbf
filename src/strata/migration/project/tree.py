"""The files of a project: those that git would commit, or without git those outside of environments and caches."""

import os
import stat
from dataclasses import dataclass
from pathlib import Path

from strata.migration.project.listing import BadProject, is_configuration, listed


@dataclass(frozen=True, slots=True)
class Problem:
    """Why a file is left alone; in `path`, what cannot be printed is escaped."""

    path: str
    code: str
    message: str
    line: int | None = None


@dataclass(frozen=True, slots=True)
class SourceFile:
    """A file: its path from the tree's root with `/`, and what tells that it changed since."""

    path: str
    size: int
    modified_ns: int


@dataclass(frozen=True)
class Tree:
    """A project's folder, its Python files in the order of their paths, and other files that bear on them.

    others: paths of stubs and compiled modules, which make names importable.
    configurations: files that may say how Python files are run, such as a Makefile or a CI workflow.
    """

    root: Path
    files: tuple[SourceFile, ...]
    others: tuple[str, ...]
    problems: tuple[Problem, ...]
    configurations: tuple[SourceFile, ...] = ()


def open_tree(root: Path) -> Tree:
    """Find the files below `root`. Only regular files count, and no symbolic link is followed: not to a file, not to a
    folder, and so not out of the tree.

    Raises BadProject where there is no Python file, or git cannot tell what it ignores.
    """
    if not root.is_dir():
        raise BadProject(f"{root} is no folder; name the root of a project")
    root = root.resolve()
    files, others, problems, configurations = [], [], [], []
    real: dict[str, bool] = {}
    above = "" if root == Path(root.anchor) else str(root)
    for path in listed(root):
        folder = path.rpartition("/")[0]
        if folder not in real:  # what git has in a folder may by now lie behind a link
            real[folder] = os.path.realpath(f"{above}/{folder}") == (f"{above}/{folder}".rstrip("/") or "/")
        try:
            found = os.lstat(f"{above}/{path}")
        except (OSError, ValueError):
            continue  # git still lists what was deleted
        problem = _problem(path, found.st_mode) if real[folder] else _link(path)
        file = SourceFile(path, found.st_size, found.st_mtime_ns)
        if problem is not None:
            problems += [problem] if path.endswith(".py") or problem.code == "link" else []
        elif path.endswith(".py"):
            files.append(file)
        elif is_configuration(path):
            configurations.append(file)
        elif "." in path.rpartition("/")[2]:
            others.append(path)
    if not files:
        raise BadProject(f"{root} has no Python file; name the root of a project")
    return Tree(root, tuple(files), tuple(others), tuple(problems), tuple(configurations))


def _problem(path: str, mode: int) -> Problem | None:
    if stat.S_ISLNK(mode):
        return _link(path)
    if not stat.S_ISREG(mode):
        return Problem(_shown(path), "no-file", "is a pipe, a device or a folder, and left alone")
    if not path.isprintable():
        return Problem(_shown(path), "name", "has a name that cannot be printed, and is left alone")
    return None


def _link(path: str) -> Problem:
    return Problem(_shown(path), "link", "is a symbolic link or lies behind one, and is left alone")


def _shown(path: str) -> str:
    return path if path.isprintable() else ascii(path)[1:-1]
