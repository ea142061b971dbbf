"""The facts of a whole project, with what was found the last time for files that have not changed."""

import json
import os
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from strata import files
from strata.migration.imports.facts import FileFacts
from strata.migration.imports.names import RunName, run_names
from strata.migration.imports.scan import scan
from strata.migration.project import BadSource, Modules, Problem, SourceFile, Tree, find_roots, open_tree, read_source

VERSION = 2  # of what is kept; another one is read anew
_BATCH = 64
_FEW = 200  # files that one process reads before others would have started


@dataclass(frozen=True)
class Analysis:
    """A project: its files, where they are imported from, and what each says, by path."""

    tree: Tree
    modules: Modules
    files: Mapping[str, FileFacts]

    @cached_property
    def names(self) -> Mapping[str, tuple[RunName, ...]]:
        """Every name that each file can run as."""
        return {path: run_names(facts, self.modules) for path, facts in self.files.items()}

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
    unread = [file for file in tree.files if file.path not in known]
    for done, facts in enumerate(_read(tree.root, unread, workers or os.cpu_count() or 1), 1):
        known[facts.path] = facts
        progress(done, len(unread))
    found = {file.path: known[file.path] for file in tree.files}
    if kept is not None and unread:
        _remember(kept, tree, found)
    return Analysis(tree, modules, found)


def _read(root: Path, unread: list[SourceFile], workers: int) -> Iterable[FileFacts]:
    batches = [(root, [file.path for file in unread[i : i + _BATCH]]) for i in range(0, len(unread), _BATCH)]
    if workers == 1 or len(unread) <= _FEW:
        yield from (facts for batch in batches for facts in _scan_batch(batch))
        return
    with ProcessPoolExecutor(workers) as pool:
        for rows in pool.map(_scan_rows, batches):
            yield from map(FileFacts.from_json, rows)


def _scan_batch(batch: tuple[Path, list[str]]) -> Iterable[FileFacts]:
    root, paths = batch
    for path in paths:
        try:
            data = read_source(root / path)
        except BadSource as error:
            yield FileFacts(path, "", problem=Problem(path, error.code, str(error)))
        else:
            yield scan(path, data)


def _scan_rows(batch: tuple[Path, list[str]]) -> list[list[Any]]:
    return [facts.to_json() for facts in _scan_batch(batch)]


def _remembered(kept: Path | None, tree: Tree) -> dict[str, FileFacts]:
    if kept is None:
        return {}
    try:
        found = json.loads(kept.read_bytes())
    except (OSError, ValueError):
        return {}
    if not isinstance(found, dict) or (found.get("version"), found.get("root")) != (VERSION, str(tree.root)):
        return {}
    now = {file.path: [file.size, file.modified_ns] for file in tree.files}
    return {row[0]: FileFacts.from_json(row) for stamp, row in found["files"] if now.get(row[0]) == stamp}


def _remember(kept: Path, tree: Tree, found: Mapping[str, FileFacts]) -> None:
    rows = [[[file.size, file.modified_ns], found[file.path].to_json()] for file in tree.files]
    files.write(kept, json.dumps({"version": VERSION, "root": str(tree.root), "files": rows}).encode())
