"""A trap: a tiny project that a rewriter breaks, run for real before and after."""

import os
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strata.migration.imports import analyse
from strata.migration.rewrite import STRATEGIES, Refusal, live_names, rewrite_file
from strata.migration.verify import Proof, prove
from tests.support.naive import Files
from tests.support.trees import make_tree


@dataclass(frozen=True)
class Trap:
    """`run`: arguments of Python that tell whether the project still works. codes: refusals that ours must give."""

    number: int
    title: str
    files: Files
    run: tuple[str, ...]
    naive: Callable[[Files], Files]
    codes: frozenset[str] = frozenset()
    roots: tuple[str, ...] = ()
    path: tuple[str, ...] = ("",)

    def __str__(self) -> str:
        return f"{self.number}, {self.title}"


def check(trap: Trap, folder: Path) -> None:
    """Ours leaves what the project does as it is, under every strategy; the naive one does not, and has no proof."""
    before = _run(trap, make_tree(folder / "before", trap.files))
    assert before[0] == 0, before
    codes: set[str] = set()
    for strategy in STRATEGIES:
        tree = make_tree(folder / strategy, trap.files)
        if _migrate(tree, trap, strategy, codes):
            assert _run(trap, tree) == before
    assert codes >= trap.codes
    naive = trap.naive(trap.files)
    assert _run(trap, make_tree(folder / "naive", naive)) != before
    assert any(isinstance(each, Refusal) for each in _proofs(folder / "before", trap, naive))


def _migrate(tree: Path, trap: Trap, strategy: str, codes: set[str]) -> bool:
    project = analyse(tree, trap.roots, workers=1)
    live, changed = live_names(project), False
    for path, facts in project.files.items():
        data = (tree / path).read_bytes()
        done = rewrite_file(data, facts, live[path], project.modules, STRATEGIES[strategy])
        codes.update(refusal.code for refusal in done.refusals)
        if done.converted:
            assert isinstance(prove(data, done.data, facts, live[path], project.modules), Proof)
            (tree / path).write_bytes(done.data)
            changed = True
    return changed


def _proofs(tree: Path, trap: Trap, changed: Files) -> list[Proof | Refusal]:
    project = analyse(tree, trap.roots, workers=1)
    live = live_names(project)
    return [
        prove(trap.files[path].encode(), changed[path].encode(), facts, live[path], project.modules)
        for path, facts in project.files.items()
        if changed[path] != trap.files[path]
    ]


def _run(trap: Trap, tree: Path) -> tuple[int, str]:
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join(str(tree / folder) for folder in trap.path),
        "PYTHONDONTWRITEBYTECODE": "1",
        "PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1",
    }
    command = [sys.executable, *trap.run]
    done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True, timeout=60, check=False)
    return done.returncode, done.stdout
