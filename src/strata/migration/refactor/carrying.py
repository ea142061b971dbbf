"""A plan of moves carried out: each tried on a copy, made through the journal, and undone where tests end otherwise."""

import json
import sys
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

from strata.migration.dynamic import Limits, SuiteRun, Verdict, compare_suites
from strata.migration.imports import Analysis
from strata.migration.journal import Journal
from strata.migration.project import Step
from strata.migration.refactor.moving import Mover
from strata.migration.refactor.plan import MovePlan, PlannedMove
from strata.migration.refactor.planning import check_plan
from strata.migration.refactor.stuck import Stuck
from strata.migration.refactor.survey import layout_of
from strata.migration.refactor.trying import Trial, first_culprit, trial_of
from strata.store import MigrationState, Store

STRATEGY = "moves"
TESTS = "tests-changed"
IMPORTS = "import-changed"
ALREADY = "already"  # before this plan was begun

# made: moved. refused: not moved, with the reason. undone: moved, and moved back.
MoveState = Literal["made", "refused", "undone"]


@dataclass(frozen=True, slots=True)
class MoveOutcome:
    """What became of a step."""

    module: str
    new: str
    state: MoveState
    code: str = ""
    reason: str = ""
    files: int = 0


@dataclass(frozen=True)
class Moved:
    """What became of a plan.

    before, after: pairs of modules across packages, shims looked through. shims: those that keep old names importable.
    tests_before, tests_after: tests by result. different: tests that ended otherwise, with the steps that were undone.
    skipped: why no tests were run.
    """

    migration: int
    outcomes: tuple[MoveOutcome, ...]
    before: int
    after: int
    shims: int
    tests_before: dict[str, int] = field(default_factory=dict)
    tests_after: dict[str, int] = field(default_factory=dict)
    different: tuple[str, ...] = ()
    skipped: str = ""

    def count(self, state: MoveState) -> int:
        """Steps that ended so."""
        return sum(each.state == state for each in self.outcomes)

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        return asdict(self)


@dataclass(frozen=True)
class Demands:
    """How a plan is carried out.

    static_only: run nothing of the project. tests: run its tests. test_command: by which; `python`: its interpreter.
    allow_dirty: change files with uncommitted changes too.
    """

    static_only: bool = False
    tests: bool = True
    test_command: str | None = None
    python: str = sys.executable
    allow_dirty: bool = False
    limits: Limits = field(default_factory=Limits)


def carry_out(
    plan: MovePlan,
    read: Callable[[], Analysis],
    demands: Demands,
    *,
    home: Path,
    store: Store,
    ledger: str,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Moved:
    """Make the moves of a plan, one after the other. Interrupted, the same call goes on where it was.

    read: reads the project as it is now. progress: called with what is done, how much of it, and of how much.
    Raises BadMoves, JournalError.
    """
    analysis = read()
    check_plan(plan, analysis)
    measured = layout_of(analysis).measure().pairs
    with Journal(analysis.tree.root, store, ledger, home / "migrations") as journal, journal.alone():
        migration = journal.begin(STRATEGY, json.dumps(plan.to_json(), sort_keys=True).encode()).id
        journal.resume(migration)
        work = _Work(plan, read, demands, _Entered(journal, migration), progress)
        if demands.static_only:
            moved = work.make_all(None)
        else:
            with trial_of(analysis, demands.limits, demands.python) as trial:
                moved = work.make_all(trial)
        shimmed = {step.module for step in plan.steps if step.shim}
        shims = sum(each.state == "made" and each.module in shimmed for each in moved.outcomes)
        moved = Moved(**{**vars(moved), "before": measured, "after": layout_of(read()).measure().pairs, "shims": shims})
        state: MigrationState = "finished" if moved.count("made") else "restored"
        journal.finish(migration, state, {"moves": moved.count("made"), "before": moved.before, "after": moved.after})
    return moved


@dataclass(frozen=True)
class _Entered:
    """A migration in the journal."""

    journal: Journal
    migration: int


class _Work:
    def __init__(
        self,
        plan: MovePlan,
        read: Callable[[], Analysis],
        demands: Demands,
        entered: "_Entered",
        progress: Callable[[str, int, int], None],
    ) -> None:
        self._plan, self._read, self._demands, self._progress = plan, read, demands, progress
        self._journal, self._migration = entered.journal, entered.migration

    def make_all(self, trial: Trial | None) -> Moved:
        """Every step, and then the tests."""
        before = self._tests(trial)
        outcomes: dict[str, MoveOutcome] = {}
        made: list[tuple[PlannedMove, Step]] = []
        for number, planned in enumerate(self._plan.steps, 1):
            outcome, step = self._make(planned, trial)
            outcomes[planned.module] = outcome
            if step is not None:
                made.append((planned, step))
            self._progress("moves", number, len(self._plan.steps))
        if trial is None or before is None or before.why_none:
            unasked = "the tests were not asked for" if trial else "nothing of the project was run"
            skipped = before.why_none if before else unasked
            return Moved(self._migration, tuple(outcomes.values()), 0, 0, 0, skipped=skipped)
        after = trial.tests(self._demands.test_command)
        compared = compare_suites(before, after)
        if compared.different:
            compared = compare_suites(before, after, again=trial.tests_with((), self._demands.test_command))
        if compared.different:
            steps = [step for _, step in made]
            kept = first_culprit(trial, steps, before, self._demands.test_command)
            self._undo([planned for planned, _ in made[kept:]], outcomes, min(compared.different))
            after = trial.tests_with(steps[:kept], self._demands.test_command)
        return Moved(
            self._migration,
            tuple(outcomes.values()),
            0,
            0,
            0,
            _counts(before),
            _counts(after),
            tuple(compared.different),
        )

    def _make(self, planned: PlannedMove, trial: Trial | None) -> tuple[MoveOutcome, Step | None]:
        move = planned.move
        known = {step.name: step for step in self._journal.log.steps(self._migration)}.get(f"move {move.old}")
        if known is not None:
            state: MoveState = "made" if known.state in {"applied", "kept"} else "refused"
            return MoveOutcome(move.old, move.new, state, known.code, known.reason, len(known.files)), None
        analysis = self._read()
        mover = Mover(analysis)
        if mover.is_made(move):
            return MoveOutcome(move.old, move.new, "made", ALREADY), None
        try:
            step = mover.step(move)
        except Stuck as error:
            return MoveOutcome(move.old, move.new, "refused", error.code, str(error)), None
        if trial is not None:
            found = trial.check(analysis, move, step)
            if found.verdict is Verdict.CHANGED:
                return MoveOutcome(move.old, move.new, "refused", IMPORTS, found.why), None
        (done,) = self._journal.apply(self._migration, [step], allow_dirty=self._demands.allow_dirty)
        if done.state != "applied":
            return MoveOutcome(move.old, move.new, "refused", done.code, done.reason), None
        self._journal.keep(self._migration, {step.name: ("", "")})
        if trial is not None:
            trial.accept(step)
        return MoveOutcome(move.old, move.new, "made", files=len(step.changes)), step

    def _undo(self, moves: Sequence[PlannedMove], outcomes: dict[str, MoveOutcome], test: str) -> None:
        names = [f"move {planned.module}" for planned in moves]
        reason = f"{test} ends otherwise"
        self._journal.roll_back(self._migration, steps=names, code=TESTS, reason=reason)
        for planned in moves:
            outcomes[planned.module] = MoveOutcome(planned.module, planned.move.new, "undone", TESTS, reason)

    def _tests(self, trial: Trial | None) -> SuiteRun | None:
        if trial is None or not self._demands.tests:
            return None
        self._progress("tests", 0, 1)
        return trial.tests(self._demands.test_command)


def _counts(run: SuiteRun) -> dict[str, int]:
    return {result: run.count(result) for result in sorted(set(run.results.values()))}
