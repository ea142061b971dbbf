"""The command line of the migration pipeline: `python -m flows.migration`."""

from importlib import import_module

from flows.command import Command
from tasks.migration_parameters import MigrationParameters

COMMAND = Command(
    name="migration",
    description="Standardise a project's imports and lower its coupling: prepare, plan, change file by file with a "
    "proof for each, validate, and tell it in a guide.",
    examples="""\
  python -m flows.migration
  python -m flows.migration --tree ~/project --strategy absolute --no-refactor
  python -m flows.migration --tree ~/project --no-dynamic
""",
    done="every file is changed or left with a reason",
    parameters=MigrationParameters,
    summary=lambda: import_module("flows.migration_summary"),
)
