"""What comes of importing modules of a tree, each under a name that it can run as."""

import json
import sys
import tempfile
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path
from typing import Any

from strata.errors import StrataError
from strata.migration.dynamic.aside import on_path
from strata.migration.dynamic.processes import Limits, run_apart
from strata.migration.imports import How, RunName

_SCRIPT = Path(__file__).with_name("probing.py")
UNREACHED = "not reached"


class ProbeFailed(StrataError):
    """The project's interpreter does not run, or is older than Python 3.8."""


@dataclass(frozen=True, slots=True)
class Target:
    """A file, and a name that it runs as."""

    path: str
    name: RunName


@dataclass(frozen=True)
class Facts:
    """What came of one import.

    outcome: "ok", or the exception's type, or how its process ended. file: from the tree's root, None outside of it.
    exported: `__all__`. names: what the module has, with its type. order: digest of the names of the project's modules
    that are loaded then, in their order; loaded: those names, where they are not many.
    """

    outcome: str
    text: str = ""
    file: str | None = None
    exported: tuple[str, ...] | None = None
    names: Mapping[str, str] | None = None
    order: str = ""
    loaded: tuple[str, ...] = ()


def probe(copy: Path, targets: Iterable[Target], limits: Limits, python: str = sys.executable) -> dict[Target, Facts]:
    """Import each target of a tree that was copied aside, in processes that are fresh but for the packages around it.

    `python -m` loads a file as an import does: it is no target of its own. Raises ProbeFailed where `python` cannot be
    run, or not this.
    """
    wanted = list(dict.fromkeys(targets))
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as scratch:
        folder = Path(scratch)
        (folder / "cwd").mkdir()
        out = folder / "out.jsonl"
        out.touch()
        by_group: dict[tuple[str, ...], list[Target]] = {}
        for target in wanted:
            by_group.setdefault(tuple(on_path(copy, target.name.roots)), []).append(target)
        groups = [
            {"key": str(number), "path": list(path)} | _split(copy, members)
            for number, (path, members) in enumerate(by_group.items())
        ]
        job = {"tree": str(copy), "out": str(out), "seconds": limits.module_seconds}
        (folder / "job.json").write_text(json.dumps(job | {"groups": groups}))
        ended = run_apart([python, str(_SCRIPT), str(folder / "job.json")], folder / "cwd", limits, {})
        found: dict[tuple[str, str], Facts] = {}
        with out.open("rb") as lines:
            for line in lines:
                if line.endswith(b"\n"):
                    row = json.loads(line)
                    found[row["key"], row["name"]] = _facts(row)
    if not found and wanted and ended.code not in {0, None}:
        last = ended.output.strip().rpartition("\n")[2][:200]
        raise ProbeFailed(
            f"{python} imports nothing ({last}); name the project's interpreter, or check statically only"
        )
    keys = {target: str(number) for number, members in enumerate(by_group.values()) for target in members}
    return {t: found.get((keys[t], _told_name(copy, t)), Facts(UNREACHED)) for t in wanted}


def _split(copy: Path, targets: Iterable[Target]) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {"names": [], "scripts": []}
    for is_script, members in groupby(sorted(targets, key=_is_script), key=_is_script):
        found["scripts" if is_script else "names"] = sorted({_told_name(copy, each) for each in members})
    return found


def _is_script(target: Target) -> bool:
    return target.name.how is How.SCRIPT


def _told_name(copy: Path, target: Target) -> str:
    return str(copy / target.path) if _is_script(target) else target.name.name


def _facts(row: Mapping[str, Any]) -> Facts:
    exported = row.get("all")
    return Facts(
        row["outcome"], row.get("text", ""), row.get("file"), None if exported is None else tuple(exported),
        row.get("names"), row.get("digest", ""), tuple(row.get("order", ())),
    )  # fmt: skip
