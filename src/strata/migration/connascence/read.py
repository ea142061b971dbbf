"""The code of a whole project, with what was found the last time for files whose bytes are the same."""

import json
import re
import sys
from collections.abc import Mapping
from pathlib import Path, PurePosixPath

from strata import files
from strata.migration.connascence.code import Code
from strata.migration.connascence.facts import CodeFacts
from strata.migration.connascence.worker import read_facts
from strata.migration.imports import Analysis, Reader, facts_file, read_with

# Of what is kept; bodies are compared as this version of Python compiles them.
VERSION = [1, *sys.version_info[:3]]
_CODE = Reader(read_facts, "strata.migration.connascence.worker", CodeFacts.from_json, lambda path: CodeFacts(path, ""))
_TESTS = {"test", "tests", "testing", "conftest"}
_VENDORED = re.compile(r"_?(vendor|vendored|vendors|extern|external|externals|third_?party|bundled)")


def read_code(
    analysis: Analysis,
    *,
    kept: Path | None = None,
    workers: int | None = None,
    tests: bool = False,
    vendored: bool = False,
) -> Code:
    """Read the code of a project.

    kept: a file that remembers what was found, by the digest of each file.
    workers: processes that read; one for each core if not given.
    tests, vendored: whether places in tests, and in copies of other projects, are looked for too.
    """
    wanted = {path: facts.digest for path, facts in analysis.files.items() if facts.problem is None}
    known = _remembered(kept)
    found = {path: known[path] for path, digest in wanted.items() if path in known and known[path].digest == digest}
    unread = [path for path in wanted if path not in found]
    for facts in read_with(_CODE, analysis.tree.root, unread, workers):
        found[facts.path] = facts
    if kept is not None and unread:
        rows = [facts.to_json() for facts in found.values()]
        files.write(kept, json.dumps({"version": VERSION, "files": rows}, separators=(",", ":")).encode())
    counted = {path for path in found if (tests or not _is_test(path)) and (vendored or not _is_vendored(path))}
    return Code(analysis, {path: found[path] for path in wanted}, counted)


def code_file(home: Path, root: Path) -> Path:
    """Where, below STRATA_HOME, what is found about the code of the project at `root` is kept."""
    return facts_file(home, root).with_suffix(".code.json")


def _is_test(path: str) -> bool:
    parts = PurePosixPath(path)
    name = parts.stem
    return (
        bool(_TESTS.intersection(parts.parts[:-1]))
        or name in _TESTS
        or name.startswith("test_")
        or (name.endswith("_test"))
    )


def _is_vendored(path: str) -> bool:
    return any(_VENDORED.fullmatch(part) for part in PurePosixPath(path).parts[:-1])


def _remembered(kept: Path | None) -> Mapping[str, CodeFacts]:
    if kept is None:
        return {}
    try:
        found = json.loads(kept.read_bytes())
        if found["version"] == VERSION:
            return {row[0]: CodeFacts.from_json(row) for row in found["files"]}
    except (OSError, ValueError, TypeError, LookupError):
        pass  # not there, or not what was written here
    return {}
