"""Moving modules between packages, where that lowers the coupling across them."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from rich.progress import Progress

from strata.migration.journal import Journal
from strata.migration.refactor import STRATEGY, Demands, MoveOutcome, MovePlan, carry_out, plan_moves
from strata.store import open_store
from tasks.failures import stage
from tasks.migration_job import Job
from tasks.terminal import console

_OTHERWISE = "see the message; run it again, and it goes on where it was."


@dataclass(frozen=True)
class Moves:
    """A plan of moves and what became of each of its steps."""

    plan: MovePlan
    outcomes: tuple[MoveOutcome, ...]
    tests_before: dict[str, int]
    tests_after: dict[str, int]

    @property
    def made(self) -> tuple[MoveOutcome, ...]:
        """Those that stand."""
        return tuple(each for each in self.outcomes if each.state == "made")

    @property
    def shims(self) -> tuple[str, ...]:
        """Old names that a shim keeps importable."""
        shimmed = {step.module for step in self.plan.steps if step.shim}
        return tuple(each.module for each in self.made if each.module in shimmed)


@task(name="plan-moves", cache_policy=NO_CACHE)
def plan_all_moves(job: Job) -> MovePlan:
    """Which modules move where: the plan that an interrupted run has begun with, or a new one."""
    with stage("plan moves", {}, _OTHERWISE), console.status("  looking for moves that lower the coupling"):
        plan = _begun(job) or plan_moves(job.analyse(job.parameters.roots), roots=job.parameters.roots)
    create_table_artifact(
        [{"module": each.module, "to": each.target, "gain": each.gain, "shim": each.shim} for each in plan.steps],
        key="migration-moves",
        description="Modules that are to move, and how many imports across packages each move saves",
    )
    sentence = f"{len(plan.steps)} modules can move: imports across packages {plan.before.pairs} -> {plan.after.pairs}"
    console.print(sentence)
    get_run_logger().info(sentence)
    return plan


@task(name="move", cache_policy=NO_CACHE)
def make_moves(job: Job, plan: MovePlan) -> Moves:
    """Make the moves one after the other: each proved, tried on a copy, and undone where the tests end otherwise."""
    order = job.order
    demands = Demands(
        static_only=order.static_only,
        tests=order.tests,
        test_command=order.test_command,
        python=order.interpreter(job.tree),
        allow_dirty=order.allow_dirty,
    )
    with stage("move", {}, _OTHERWISE), _bar(len(plan.steps)) as bar:
        moved = carry_out(
            plan,
            lambda: job.analyse(plan.roots),
            demands,
            home=job.settings.home,
            store=open_store(job.settings),
            ledger=job.settings.ledger,
            progress=bar,
        )
    sentence = f"  {moved.count('made')} of {len(moved.outcomes)} moves made, {moved.shims} shims"
    console.print(sentence)
    get_run_logger().info(sentence.strip())
    return Moves(plan, moved.outcomes, moved.tests_before, moved.tests_after)


def move_modules(job: Job) -> Moves | None:
    """Plan and make the moves, where they are asked for and the coupling analysis is switched on."""
    if not job.parameters.refactor or not job.settings.coupling_analysis:
        return None
    plan = plan_all_moves(job)
    return make_moves(job, plan) if plan.steps else None


def _begun(job: Job) -> MovePlan | None:
    """The plan of moves that an interrupted run has begun to carry out."""
    store, settings = open_store(job.settings), job.settings
    with Journal(job.tree, store, settings.ledger, settings.home / "migrations") as journal:
        found = journal.open_one()
        if found is None or found.strategy != STRATEGY or found.plan is None:
            return None
        return MovePlan.from_json(journal.bytes_of(found.plan))


@contextmanager
def _bar(total: int) -> Iterator:
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task("  moving modules", total=total)
        yield lambda what, done, count: progress.update(bar, description=f"  {what}", completed=done, total=count)
