"""Whether the tests of real packages that ship theirs end as before, test by test, after a migration of a copy.

Each package is copied aside and its imports are migrated as by `strata imports migrate`: every file proved, changed
in the journal, and imported in processes apart before and after; then the tests run before and after. `ours` is the
number of tests that end after the migration as before it, `peer` the number before, over all packages; those that do
not end the same twice without any change are named as unstable and left out of both. The run fails where a test ends
otherwise, or where nothing was migrated.
"""

import argparse
import importlib.util
import json
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strata.migration.imports import Analysis, analyse
from strata.migration.run import Migrated, Order, migrate
from strata.store import Store

# What to run of each, in its own folder: what takes a few minutes; of libcst no fuzzing, and no type checker.
TESTS = {
    "networkx": "tests classes generators linalg readwrite utils algorithms/bipartite algorithms/traversal",
    "libcst": "tests matchers metadata helpers display --ignore tests/test_fuzz.py "
    "-k 'not roundtrip and not type_inference'",
}
STRATEGY = "relative_preferred"  # changes most files of both


def migrate_copy(name: str, folder: Path, strategy: str, selection: str) -> Migrated:
    """Migrate a copy of an installed package, its tests included."""
    spec = importlib.util.find_spec(name)
    if spec is None or spec.origin is None:
        raise SystemExit(f"{name} is not installed")
    tree = folder / "project" / name
    shutil.copytree(Path(spec.origin).parent, tree, ignore=shutil.ignore_patterns("__pycache__"))

    def read(roots: Sequence[str]) -> Analysis:
        return analyse(tree, roots)

    order = Order(test_command=f"{sys.executable} -m pytest -q {selection}")
    home = folder / "home"
    return migrate(
        read, tree, strategy, order, home=home, store=Store(home / "store"), ledger=f"sqlite:///{home / 'l'}"
    )


def figures_of(name: str, strategy: str, selection: str, folder: Path | None) -> dict[str, Any]:
    """What came of one package."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(dir=folder) as scratch:
        done = migrate_copy(name, Path(scratch), strategy, selection)
    suite = done.suite
    assert suite is not None
    if suite.skipped or not suite.before.get("passed"):
        raise SystemExit(f"{name}: no tests passed before: {suite.skipped or dict(suite.before)}")
    found = {
        "package": name,
        "strategy": strategy,
        "files": done.before.files,
        "changed": done.count("kept"),
        "refused": done.count("refused"),
        "rolled_back": done.count("rolled-back"),
        "unverifiable": sum(file.code == "unverifiable" for file in done.files),
        "following_before": round(done.before.share, 4),
        "following_after": round(done.after.share, 4),
        "before": dict(suite.before),
        "after": dict(suite.after),
        "different": len(suite.different),
        "unstable": list(suite.unstable),
        "reasons": dict(done.reasons),
        "seconds": round(time.monotonic() - started, 1),
    }
    print(json.dumps(found), flush=True)
    return found


def main() -> None:
    """Migrate and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--packages", nargs="+", default=list(TESTS), choices=list(TESTS))
    parser.add_argument("--select", help="what pytest is told instead of the usual choice, such as a folder")
    parser.add_argument("--strategy", default=STRATEGY)
    parser.add_argument("--folder", type=Path, help="where to work; default: the system's own")
    arguments = parser.parse_args()
    rows = [
        figures_of(
            name,
            arguments.strategy,
            TESTS[name] if arguments.select is None else arguments.select,
            arguments.folder,
        )
        for name in arguments.packages
    ]
    before = sum(sum(row["before"].values()) - len(row["unstable"]) for row in rows)
    same = before - sum(row["different"] for row in rows)
    changed = sum(row["changed"] for row in rows)
    report = {
        "name": "suites unchanged",
        "ours": same,
        "peer": before,
        "unit": "tests that end as before",
        "ratio": same / before if before else 0,
        "limit": before,
        "peer_name": "the same tests before the migration",
        "files_changed": changed,
        "packages": rows,
        "met": same == before and changed > 0,
    }
    print(json.dumps(report))
    if not report["met"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
