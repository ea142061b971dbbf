"""A migration under way: batches of files, each proved, changed, checked, and kept or changed back."""

import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, nullcontext
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from strata.migration.dynamic import Compared, Reach, Verdict
from strata.migration.imports import Analysis, RunName
from strata.migration.journal import Journal, JournalError
from strata.migration.project import Change, Step
from strata.migration.rewrite import Refusal, live_names
from strata.migration.run.culprits import find_culprits
from strata.migration.run.order import Order, from_blob, to_blob
from strata.migration.run.outcome import (
    STATIC,
    UNVERIFIABLE,
    FileOutcome,
    Migrated,
    SuiteOutcome,
    counted,
    file_outcome,
)
from strata.migration.run.plan import Figures, MigrationPlan
from strata.migration.run.planning import plan_migration, step_for
from strata.migration.run.suites import Suites
from strata.migration.run.trial import Trial, prepare_copy
from strata.store import MigrationState, MigrationStep, StepState, Store

BATCH = 48  # files: a few seconds of work
MOST_IMPORTERS = 32  # of a batch, that are checked with it; the others are checked at the end
CHANGED = "import-changed"
TESTS = "tests-changed"


@dataclass(frozen=True)
class Migrating:
    """The steps of a migration, each of which may be repeated, in any process; made by `open_migration`."""

    analysis: Analysis
    names: Mapping[str, Sequence[RunName]]
    plan: MigrationPlan
    order: Order
    journal: Journal
    migration: int
    folder: Path

    def batches(self, size: int = BATCH) -> list[tuple[str, ...]]:
        """The files that are not done, in portions of a few seconds of work."""
        ended = {step.name for step in self._steps() if step.state in {"kept", "refused", "restored"}}
        paths = [file.path for file in self.plan.files if file.path not in ended]
        return [tuple(paths[first : first + size]) for first in range(0, len(paths), size)]

    def carry_out(self, batch: Sequence[str]) -> tuple[FileOutcome, ...]:
        """Prove, change and check these files; what is imported otherwise then is changed back.

        Files that are done already are left as they are. Raises JournalError, LedgerError, GitFailed.
        """
        if not self.order.static_only:
            _ = self.trial  # copies the tree before anything in it changes
        known = {step.name for step in self._steps()}
        planned = {file.path: file for file in self.plan.files}
        steps, refused = [], []
        for path in batch:
            if path not in known:
                names = self.names.get(path, ())
                found = step_for(
                    self.analysis.tree.root, planned[path], self.analysis.files.get(path), names, self.analysis.modules
                )
                refused += [found] if isinstance(found, Refusal) else []
                steps += [found] if isinstance(found, Step) else []
        self.journal.refuse(
            self.migration, [MigrationStep(r.path, "", "refused", (), r.code, r.message) for r in refused]
        )
        self.journal.apply(self.migration, steps, allow_dirty=self.order.allow_dirty)
        applied = [step for step in self._steps("applied") if step.name in set(batch)]
        notes = self._checked(applied) if applied else {}
        self.journal.keep(self.migration, {step.name: notes.get(step.name, ("", "")) for step in applied})
        return tuple(file_outcome(step) for step in self._steps() if step.name in set(batch))

    def validate(self) -> SuiteOutcome:
        """The whole project is imported as before, and its tests end as before; what stands in the way is changed back.

        Nothing is run where only the static proof was asked for, or nothing was changed.
        """
        kept = self._steps("kept")
        if self.order.static_only or not kept:
            return SuiteOutcome(skipped="nothing of the project is run" if kept else "nothing was changed")
        self._import_all(kept)
        changes = self._changes(self._steps("kept"))
        if not self.order.tests or not changes:
            return SuiteOutcome(skipped="tests were not asked for" if changes else "nothing was changed")
        if not self.order.test_command and not self.trial.reach.all_tests():
            return SuiteOutcome(skipped="the project has no tests")
        compared, culprits = self._suites.compare(changes)
        paths = tuple(change.path for change in culprits)
        if paths:
            first = next(iter(compared.different.items()))
            why = f"{first[0]} was {first[1][0]} before and {first[1][1]} after"
            self.journal.roll_back(self.migration, steps=paths, code=TESTS, reason=why)
        return counted(compared, paths)

    def conclude(self, suite: SuiteOutcome | None = None) -> Migrated:
        """Close the migration; returns what it came to."""
        outcome = self.so_far(suite)
        state: MigrationState = "finished" if outcome.count("kept") or not self._steps("restored") else "restored"
        figures = outcome.to_json()
        shown = ("counts", "reasons", "before", "after", "share_before", "share_after", "suite")
        self.journal.finish(self.migration, state, {name: figures[name] for name in shown})
        shutil.rmtree(self.folder, ignore_errors=True)
        return outcome

    def so_far(self, suite: SuiteOutcome | None = None) -> Migrated:
        """What the migration has come to."""
        files = tuple(map(file_outcome, self._steps()))
        kept = {file.path for file in files if file.state in {"kept", "applied", "left"}}
        before = self.plan.figures
        converted = sum(len(file.imports) for file in self.plan.files if file.path in kept)
        after = Figures(before.files, before.eligible, before.following + converted, before.plain)
        root = str(self.analysis.tree.root)
        return Migrated(self.migration, root, self.plan.strategy, files, self.plan.refusals, before, after, suite)

    @cached_property
    def trial(self) -> Trial:
        """The dynamic check; the tree as it was is copied aside when it is first asked for."""
        before = prepare_copy(self.analysis.tree.root, self.folder / "before", lambda: self._changes(self._steps()))
        return Trial(before, Reach(self.analysis, self.names), self.order.limits, self._python)

    @cached_property
    def _suites(self) -> Suites:
        limits, roots = self.order.limits, self.analysis.modules.roots
        limits = type(limits)(limits.module_seconds, self.order.suite_seconds, limits.memory)
        return Suites(self.trial.before, roots, self.trial.reach, limits, self.order.test_command, self._python)

    @property
    def _python(self) -> str:
        return self.order.interpreter(self.analysis.tree.root)

    def _checked(self, applied: Sequence[MigrationStep]) -> dict[str, tuple[str, str]]:
        """Roll back what is imported otherwise; returns notes on the others, by path."""
        if self.order.static_only:
            return {step.name: (STATIC, "") for step in applied}
        changes = self._changes(applied)
        paths = [change.path for change in changes]
        importers = self.trial.reach.importers(paths)[:MOST_IMPORTERS]
        found = self.trial.check(changes, [*paths, *importers])
        self._undo_culprits(changes, found)
        unverifiable = [path for path in paths if path not in found or found[path].verdict is Verdict.UNVERIFIABLE]
        return {
            path: (UNVERIFIABLE, found[path].why if path in found else "nothing imports it") for path in unverifiable
        }

    def _import_all(self, kept: Sequence[MigrationStep]) -> None:
        changes = self._changes(kept)
        self._undo_culprits(changes, self.trial.check(changes, self.analysis.files))

    def _undo_culprits(self, changes: Sequence[Change], found: Mapping[str, Compared]) -> None:
        bad = [path for path, each in found.items() if each.verdict is Verdict.CHANGED]
        if not bad:
            return

        def fails(some: Sequence[Change]) -> bool:
            return any(each.verdict is Verdict.CHANGED for each in self.trial.check(some, bad).values())

        for change in find_culprits(changes, fails):
            path = change.path if change.path in bad else bad[0]
            why = f"{path}: {found[path].why}"
            self.journal.roll_back(self.migration, steps=[change.path], code=CHANGED, reason=why)

    def _steps(self, *states: StepState) -> tuple[MigrationStep, ...]:
        return self.journal.steps(self.migration, states or None)

    def _changes(self, steps: Sequence[MigrationStep]) -> list[Change]:
        """What steps that stand have changed."""
        standing = [step for step in steps if step.state in {"applied", "kept"}]
        return [change for step in standing for change in self.journal.changes_of(step)]


@contextmanager
def open_migration(
    analyse: Callable[[Sequence[str]], Analysis],
    root: Path,
    strategy: str | MigrationPlan | None,
    order: Order | None,
    *,
    roots: Sequence[str] = (),
    home: Path,
    store: Store,
    ledger: str,
    alone: bool = True,
) -> Iterator[Migrating]:
    """The open migration of a tree, finished where it was broken off, or a new one.

    analyse: reads the project with these roots; called when what was broken off is finished. strategy: its name, or the
    plan of a new migration; None: of the open one. order: as it was begun, if not given. alone: be the only process
    that migrates the tree; those that help another one are not.
    Raises JournalError where an open migration is by another strategy, where there is none to go on with, or another
    process is at it; StrataError for an unknown strategy.
    """
    with Journal(root, store, ledger, home / "migrations") as journal, journal.alone() if alone else nullcontext():
        found = journal.open_one()
        given = strategy if isinstance(strategy, MigrationPlan) else None
        if found is None:
            if strategy is None:
                raise JournalError(f"no migration of {journal.root} is open; there is nothing to go on with")
            analysis = analyse(given.roots if given else roots)
            names = live_names(analysis)
            plan = given or plan_migration(analysis, str(strategy), names, roots=roots)
            order = order or Order()
            found = journal.begin(plan.strategy, to_blob(plan, order))
        else:
            plan, begun = from_blob(journal.bytes_of(found.plan or ""))
            order = order or begun
            if strategy not in {None, found.strategy} and given != plan:
                journal.begin("another")  # says which one is open
            journal.resume(found.id)
            analysis = analyse(plan.roots)
            names = live_names(analysis)
        yield Migrating(analysis, names, plan, order, journal, found.id, working_folder(home, found.id))


def working_folder(home: Path, migration: int) -> Path:
    """Where a migration has its copies of the tree, below STRATA_HOME."""
    return home / "migrations" / f"{migration}"
