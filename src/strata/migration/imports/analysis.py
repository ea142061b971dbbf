"""The facts of a whole project, with what was found the last time for files that have not changed."""

import hashlib
import json
import os
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path

from strata import files
from strata.migration.imports.evidence import Evidence, find_evidence
from strata.migration.imports.facts import FileFacts
from strata.migration.imports.names import RunName, run_names
from strata.migration.imports.reading import read_all
from strata.migration.project import Modules, Problem, Tree, find_roots, open_tree

VERSION = 4  # of what is kept; another one is read anew


@dataclass(frozen=True)
class Analysis:
    """A project: its files, where they are imported from, what each says, by path, and how they are run."""

    tree: Tree
    modules: Modules
    files: Mapping[str, FileFacts]
    evidence: Evidence = field(default_factory=Evidence)

    @cached_property
    def names(self) -> Mapping[str, tuple[RunName, ...]]:
        """Every name that each file can run as."""
        seen = self.evidence
        return {
            path: run_names(facts, self.modules, seen.by_path, seen.importlib_mode, seen.as_main)
            for path, facts in self.files.items()
        }

    @property
    def problems(self) -> tuple[Problem, ...]:
        """Files that are left alone, and why."""
        return (*self.tree.problems, *(facts.problem for facts in self.files.values() if facts.problem))


def analyse(
    root: Path,
    roots: Iterable[str] = (),
    *,
    kept: Path | None = None,
    workers: int | None = None,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> Analysis:
    """Read a project.

    roots: folders on `sys.path`; found in its configuration where none are given.
    kept: a file that remembers what was found; only files of another size or time are read again.
    workers: processes that parse; one for each core if not given.
    progress: called with (files read, files to read).
    Raises BadProject.
    """
    tree = open_tree(root)
    modules = Modules(tree, find_roots(tree, roots))
    known = _remembered(kept, tree)
    unread = [file.path for file in tree.files if file.path not in known]
    for done, facts in enumerate(read_all(tree.root, unread, workers), 1):
        known[facts.path] = facts
        progress(done, len(unread))
    found = {file.path: known[file.path] for file in tree.files}
    if kept is not None and unread:
        _remember(kept, tree, found)
    return Analysis(tree, modules, found, find_evidence(tree, modules, found.values()))


def facts_file(home: Path, root: Path) -> Path:
    """Where, below STRATA_HOME, what is found about the project at `root` is kept."""
    return home / "imports" / f"{hashlib.sha256(os.fsencode(root.resolve())).hexdigest()[:16]}.json"


def _remembered(kept: Path | None, tree: Tree) -> dict[str, FileFacts]:
    if kept is None:
        return {}
    now = {file.path: [file.size, file.modified_ns] for file in tree.files}
    try:
        found = json.loads(kept.read_bytes())
        if (found["version"], found["root"]) != (VERSION, str(tree.root)):
            return {}
        return {row[0]: FileFacts.from_json(row) for stamp, row in found["files"] if now.get(row[0]) == stamp}
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return {}  # of another version, or not whole


def _remember(kept: Path, tree: Tree, found: Mapping[str, FileFacts]) -> None:
    rows = [[[file.size, file.modified_ns], found[file.path].to_json()] for file in tree.files]
    document = {"version": VERSION, "root": str(tree.root), "files": rows}
    files.write(kept, json.dumps(document, separators=(",", ":")).encode())
    ignored = kept.parent / ".gitignore"
    if not ignored.exists():  # the folder may lie in somebody's work tree
        files.write(ignored, b"*\n")
