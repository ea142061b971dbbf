"""One migration as the tasks see it: the tree, what was chosen, and how any process opens it."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from strata.migration.imports import Analysis, analyse, facts_file
from strata.migration.run import Migrating, Order, open_migration
from strata.settings import Settings
from strata.store import open_store
from tasks.migration_parameters import MigrationParameters


@dataclass(frozen=True)
class Job:
    """What every process that helps with a migration has to know."""

    tree: Path
    parameters: MigrationParameters
    settings: Settings

    @property
    def order(self) -> Order:
        """What is asked of the run, besides the plan."""
        chosen = self.parameters
        return Order(
            static_only=not chosen.dynamic,
            allow_dirty=chosen.allow_dirty,
            tests=chosen.dynamic,
            test_command=chosen.test_command or None,
        )

    def analyse(self, roots: Sequence[str]) -> Analysis:
        """Read the project; files that have not changed are remembered."""
        return analyse(self.tree, roots, kept=facts_file(self.settings.home, self.tree))

    @contextmanager
    def opened(self, *, alone: bool) -> Iterator[Migrating]:
        """The migration of the tree, begun or taken up again; `alone`: nobody else may be at it, but for helpers."""
        with open_migration(
            self.analyse,
            self.tree,
            self.parameters.strategy,
            self.order,
            roots=self.parameters.roots,
            home=self.settings.home,
            store=open_store(self.settings),
            ledger=self.settings.ledger,
            alone=alone,
        ) as migrating:
            yield migrating
