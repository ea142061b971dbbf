"""A move tried on a copy of the tree before it is made: everything is imported as before, by old names and by new."""

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from strata.migration.dynamic import (
    Compared,
    Facts,
    Limits,
    Reach,
    SuiteRun,
    Target,
    Verdict,
    compare,
    compare_suites,
    copy_aside,
    derive,
    probe,
    run_suite,
    write_changes,
)
from strata.migration.imports import Analysis, How
from strata.migration.project import Change, Step
from strata.migration.refactor.moving import Move
from strata.migration.rewrite import live_names


class Trial:
    """The tree as it is with the moves that were accepted, in a folder of its own.

    python: the project's interpreter. Raises TooLarge, OSError.
    """

    def __init__(self, analysis: Analysis, folder: Path, limits: Limits, python: str) -> None:
        self._folder, self._limits, self._python = folder, limits, python
        self._roots = analysis.modules.roots
        (folder / "first").mkdir()
        (folder / "now").mkdir()
        self._first = copy_aside(analysis.tree.root, folder / "first")
        self._now = derive(self._first, folder / "now", ())
        self._known: dict[Target, Facts] = {}  # of the tree as it is now
        self._found: dict[Target, Facts] = {}

    def check(self, analysis: Analysis, move: Move, step: Step) -> Compared:
        """Whether the project's modules are imported with the move as without it; tests only if the move touches them.

        analysis: of the tree as it is without the move.
        """
        reach, live = Reach(analysis), live_names(analysis)
        targets = [target for target in reach.targets(analysis.files) if target.name in live[target.path]]
        touched = {change.path for change in step.changes}
        tests = {path for path, names in live.items() if any(name.how is How.PYTEST for name in names)} - touched
        before = [target for target in targets if target.name.how is not How.PYTEST and target.path not in tests]
        known = self._known | self._probe(self._now, [each for each in before if each not in self._known])
        pairs = [(target, after) for target in before for after in _after(target, move, step)]
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as scratch:
            copy = derive(self._now, Path(scratch), step.changes)
            found = self._probe(copy, [after for _, after in pairs])
        renamed = {move.old: move.new}
        for target, after in pairs:
            verdict = compare(known[target], found[after], renamed)
            if verdict.verdict is Verdict.CHANGED:
                return replace(verdict, why=f"{after.name.name}: {verdict.why}")
        self._found = found
        return Compared(Verdict.SAME)

    def accept(self, step: Step) -> None:
        """Go on from the tree with the move that was checked last."""
        self._known = self._found
        write_changes(self._now, step.changes)

    def tests(self, command: str | None) -> SuiteRun:
        """The project's tests on the tree as it is now."""
        return run_suite(self._now, self._roots, self._limits, command=command, python=self._python)

    def tests_with(self, steps: Sequence[Step], command: str | None) -> SuiteRun:
        """The same with these moves made to the tree as it was at first."""
        with tempfile.TemporaryDirectory(dir=self._folder, ignore_cleanup_errors=True) as scratch:
            copy = derive(self._first, Path(scratch), [change for step in steps for change in step.changes])
            return run_suite(copy, self._roots, self._limits, command=command, python=self._python)

    def _probe(self, copy: Path, targets: Sequence[Target]) -> dict[Target, Facts]:
        return probe(copy, targets, self._limits, self._python)


def first_culprit(trial: Trial, steps: Sequence[Step], before: SuiteRun, command: str | None) -> int:
    """How many of the steps can be made with all tests ending as before, found by halving."""
    good, bad = 0, len(steps)
    while bad - good > 1:
        middle = (good + bad) // 2
        if compare_suites(before, trial.tests_with(steps[:middle], command)).same:
            good = middle
        else:
            bad = middle
    return good


@contextmanager
def trial_of(analysis: Analysis, limits: Limits, python: str) -> Iterator[Trial]:
    """A trial in a temporary folder."""
    with tempfile.TemporaryDirectory(prefix="strata-moves-", ignore_cleanup_errors=True) as folder:
        yield Trial(analysis, Path(folder), limits, python)


def _after(target: Target, move: Move, step: Step) -> Iterator[Target]:
    """What the file of a target is after the move: where it moves itself, at its new name and behind the shim."""
    left = next(change for change in reversed(step.changes))
    if target.path != left.path:
        yield target
        return
    new_path = next(_new_paths(step.changes))
    name = replace(target.name, name=move.new, package=move.new.rpartition(".")[0])
    if target.name.name == move.old:
        yield Target(new_path, name)
        if move.shim:
            yield target


def _new_paths(changes: Sequence[Change]) -> Iterator[str]:
    return (change.path for change in changes if change.before is None)
