"""The stages of the migration pipeline: prepare, survey, migrate, validate, conclude."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from prefect import get_run_logger, task, unmapped
from prefect.artifacts import create_progress_artifact, create_table_artifact, update_progress_artifact
from prefect.cache_policies import NO_CACHE
from rich.progress import Progress

from strata.migration.report import Account, Left, Moved, Suite, Undone
from strata.migration.run import FileOutcome, Migrated, Migrating, SuiteOutcome
from strata.settings import Settings
from strata.store import ArtifactRef
from tasks.failures import stage
from tasks.migration_job import Job
from tasks.migration_moves import Moves
from tasks.migration_parameters import SAMPLE, MigrationParameters
from tasks.migration_sample import fresh_sample
from tasks.migration_survey import Moment, look
from tasks.terminal import console

_OTHERWISE = "see the message; run it again, and it goes on where it was."
_PROJECT = "name a folder with Python files, and roots that are folders in it."


@task(name="prepare", cache_policy=NO_CACHE)
def prepare_tree(parameters: MigrationParameters, settings: Settings) -> Path:
    """The folder that is changed: the one that was named, or a copy of the sample that ships."""
    with stage("prepare", {}, _PROJECT):
        if parameters.tree != SAMPLE:
            return Path(parameters.tree).resolve()
        return fresh_sample(Path(SAMPLE), settings)


@task(name="survey", cache_policy=NO_CACHE)
def survey_tree(job: Job, title: str) -> Moment:
    """What the project is now."""
    with stage("survey", {}, _PROJECT):
        return look(job.analyse(job.parameters.roots), title)


@task(name="carry-out", cache_policy=NO_CACHE)
def carry_out_batch(job: Job, batch: tuple[str, ...]) -> tuple[FileOutcome, ...]:
    """Prove, change and check some files, in whichever process this runs."""
    with stage("migrate", {}, _OTHERWISE), job.opened(alone=False) as migrating:
        return migrating.carry_out(batch)


def migrate_files(job: Job, migrating: Migrating) -> None:
    """All batches: one here, or many in worker processes; returns when all are done."""
    plan, batches = migrating.plan, migrating.batches()
    _say(f"{plan.imports:,} imports of {len(plan.files):,} files can be changed, {len(plan.refusals):,} are left")
    create_table_artifact(
        [{"reason": reason, "places": count} for reason, count in plan.reasons.items()],
        key="migration-refusals",
        description="Imports that are left as they are, by reason",
    )
    total = sum(map(len, batches))
    if not batches:
        return
    artifact = create_progress_artifact(0.0, key="migration-progress", description=f"{total:,} files")
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar, done = progress.add_task("  proving and changing", total=total), 0
        for outcomes in _outcomes(job, batches):
            done += len(outcomes)
            progress.update(bar, completed=done)
            update_progress_artifact(artifact, 100.0 * done / total)


@task(name="validate", cache_policy=NO_CACHE)
def validate_tree(migrating: Migrating) -> SuiteOutcome:
    """Import the whole project and run its tests, before and after; what differs is rolled back."""
    with stage("validate", {}, _OTHERWISE), _waiting("  importing everything and running the tests, twice"):
        suite = migrating.validate()
    _say(f"  {suite_sentence(suite)}")
    return suite


@task(name="conclude", cache_policy=NO_CACHE)
def conclude_migration(migrating: Migrating, suite: SuiteOutcome) -> Migrated:
    """Close the migration."""
    with stage("conclude", {}, _OTHERWISE):
        migrated = migrating.conclude(suite)
    _say(f"  {migrated.count('kept'):,} files changed, {migrated.count('rolled-back'):,} changed back")
    return migrated


@dataclass(frozen=True)
class MigrationOutcome:
    """What a run came to; `moves`: None where none were asked for or found. `guide`: the page in the store."""

    migrated: Migrated
    moves: Moves | None
    account: Account
    guide: ArtifactRef

    def figures(self) -> dict[str, Any]:
        """For the ledger, and for programs."""
        migrated, account = self.migrated, self.account
        return {
            "tree": migrated.tree,
            "strategy": migrated.strategy,
            "files": account.files,
            "changed_files": account.changed_files,
            "converted": account.converted,
            "rolled_back": migrated.count("rolled-back"),
            "refusals": dict(migrated.reasons),
            "moves": len(self.moves.made) if self.moves else 0,
            "shims": len(self.moves.shims) if self.moves else 0,
            "measures": {name: list(values) for name, values in account.measures.items()},
            "tests": None if account.tests is None else asdict(account.tests),
            "guide": self.guide.digest,
        }


def account_for(job: Job, before: Moment, after: Moment, migrated: Migrated, moves: Moves | None) -> Account:
    """All that the guide tells, from what the stages found."""
    undone = [Undone(each.path, each.reason) for each in migrated.files if each.state == "rolled-back"]
    left = [Left(each.path, each.line, each.code, each.message) for each in migrated.refusals]
    left += [Left(each.path, None, each.code, each.reason) for each in migrated.files if each.state == "refused"]
    moved: list[Moved] = []
    if moves is not None:
        steps = {step.module: step for step in moves.plan.steps}
        for each in moves.outcomes:
            step = steps[each.module]
            if each.state == "made":
                moved.append(Moved(each.module, each.new, step.gain, step.importers, step.shim))
            elif each.state == "undone":
                undone.append(Undone(f"move of {each.module}", each.reason))
            else:
                left.append(Left(each.module, None, each.code, each.reason))
    return Account(
        tree=str(job.tree),
        strategy=migrated.strategy,
        files=before.files,
        changed_files=migrated.count("kept"),
        converted=migrated.after.following - migrated.before.following,
        before=before.forms,
        after=after.forms,
        undo=_undo(job, twice=bool(moved)),
        moved=moved,
        left=left,
        undone=undone,
        unverifiable=[
            Left(each.path, None, each.code, each.reason) for each in migrated.files if each.code == "unverifiable"
        ],
        broken=before.broken,
        tests=_suite(migrated.suite, moves),
        measures={name: (value, after.measures[name]) for name, value in before.measures.items()},
        matrices=(before.matrix, after.matrix) if moves and moves.made else (before.matrix,),
    )


def _undo(job: Job, *, twice: bool) -> str:
    """The command that brings every byte back, with the home that knows them."""
    home = job.settings.home
    where = "" if home == Settings.model_fields["home"].default else f"STRATA_HOME={home} "
    return f"{where}strata imports rollback --tree {job.tree}" + ("; once more for the moves" if twice else "")


def _suite(suite: SuiteOutcome | None, moves: Moves | None) -> Suite | None:
    """The tests before anything was changed, and after all of it."""
    before = moves.tests_before if moves else {}
    after = moves.tests_after if moves else {}
    different: tuple[str, ...] = ()
    if suite is not None and not suite.skipped:
        before, after, different = before or dict(suite.before), dict(suite.after), tuple(suite.different)
    if not before and not after:
        return None
    return Suite(*(_count(run, passed) for passed in (True, False) for run in (before, after)), changed=different)


def _count(results: Mapping[str, int], passed: bool) -> int:
    good = {"passed", "skipped"}
    return sum(count for result, count in results.items() if (result in good) == passed)


def suite_sentence(suite: SuiteOutcome) -> str:
    """The project's tests in one sentence."""
    if suite.skipped:
        return f"no tests were run: {suite.skipped}"
    counts = ", ".join(f"{count:,} {result}" for result, count in sorted(suite.after.items()))
    same = "as before" if not suite.different else f"{len(suite.different):,} otherwise than before"
    return f"the project's tests: {counts}; {same}"


def _outcomes(job: Job, batches: Sequence[tuple[str, ...]]) -> Iterator[tuple[FileOutcome, ...]]:
    if len(batches) == 1:  # processes take seconds to start
        yield carry_out_batch(job, batches[0])
        return
    futures = carry_out_batch.map(unmapped(job), batches)
    yield from (future.result() for future in futures)


# Tasks of this file go to other processes together with the globals that they name, and a console cannot go there.
def _waiting(sentence: str) -> AbstractContextManager[Any]:
    """A spinner on the terminal."""
    return console.status(sentence)


def _say(sentence: str) -> None:
    """On the terminal of a command-line run, and in the run's log on the server."""
    console.print(sentence)
    get_run_logger().info(sentence.strip())
