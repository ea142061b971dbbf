"""The migration pipeline: imports standardised and coupling lowered, file by file, each with a proof or not at all.

    prepare -> survey -> move modules -> (prove, change and check, file by file) -> validate -> conclude -> report

`python -m flows.migration --help` says how to run it from the command line; the deployment is in `prefect.yaml`.
"""

if __name__ == "__main__":
    # The command line sets Prefect up before importing it, and prints its help without it.
    from importlib import import_module

    from flows.command import main
    from flows.migration_command import COMMAND

    raise SystemExit(main(COMMAND, lambda: import_module("flows.migration").run))

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.task_runners import ProcessPoolTaskRunner

from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.migration import (
    MigrationOutcome,
    account_for,
    conclude_migration,
    migrate_files,
    prepare_tree,
    survey_tree,
    validate_tree,
)
from tasks.migration_job import Job
from tasks.migration_moves import move_modules
from tasks.migration_parameters import MigrationParameters
from tasks.migration_report import publish_guide
from tasks.record import ALL_OFF, recorded, skipped

DEMONSTRATION = MigrationParameters()
PIPELINE = "migration"
OFF = "Migration is switched off: set ARCHAEOLOGICAL_IMPORT_STANDARDIZATION=true to run it."


@flow(
    name="migration",
    timeout_seconds=21600,
    flow_run_name="migration-of-{parameters.tree}",
    task_runner=ProcessPoolTaskRunner(),
    **ENDINGS,
)
def run(parameters: MigrationParameters = DEMONSTRATION) -> MigrationOutcome | State:
    """Standardise a project's imports and lower its coupling, with a proof for every file that changes.

    Args:
        parameters: The project, the form of its imports, and what may be run to check. The defaults are the
            demonstration: a copy of the sample project that ships.
    """
    settings = Settings()
    if not settings.phase_2:
        return skipped(PIPELINE, settings, ALL_OFF)
    if not settings.import_standardization:
        return skipped(PIPELINE, settings, OFF)
    with recorded(PIPELINE, settings) as record:
        job = Job(prepare_tree(parameters, settings), parameters, settings)
        before = survey_tree(job, "before")
        moved = move_modules(job)
        with job.opened(alone=True) as migrating:
            migrate_files(job, migrating)
            migrated = conclude_migration(migrating, validate_tree(migrating))
        account = account_for(job, before, survey_tree(job, "after"), migrated, moved)
        outcome = MigrationOutcome(migrated, moved, account, publish_guide(account, settings))
        record.update(outcome.figures())
    return outcome
