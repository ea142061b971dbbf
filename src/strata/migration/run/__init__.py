"""A migration of imports from the plan to the figures, file by file; and the way back.

Public face:

- `plan_migration`, `MigrationPlan`, `PlannedFile`, `PlannedImport`, `Figures`: what is to change, as data that people
  edit; `BadPlan`; `step_for`: one planned file as a step, with its proof
- `migrate`: all of it; `Order`: what is asked of it; `roll_back`, `RolledBack`: the way back
- `open_migration`, `Migrating`: its steps, for whoever spreads them: `batches`, `carry_out`, `validate`, `conclude`
- `Migrated`, `FileOutcome`, `SuiteOutcome`: what it came to
"""

from strata.migration.run.driver import RolledBack, migrate, roll_back
from strata.migration.run.order import Order
from strata.migration.run.outcome import FileOutcome, Migrated, SuiteOutcome
from strata.migration.run.plan import BadPlan, Figures, MigrationPlan, PlannedFile, PlannedImport
from strata.migration.run.planning import plan_migration, step_for
from strata.migration.run.running import Migrating, open_migration

__all__ = [
    "BadPlan",
    "Figures",
    "FileOutcome",
    "Migrated",
    "Migrating",
    "MigrationPlan",
    "Order",
    "PlannedFile",
    "PlannedImport",
    "RolledBack",
    "SuiteOutcome",
    "migrate",
    "open_migration",
    "plan_migration",
    "roll_back",
    "step_for",
]
