"""A whole migration, from the plan to the figures; and the way back."""

import shutil
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.migration.imports import Analysis
from strata.migration.journal import Journal, JournalError
from strata.migration.run.order import Order
from strata.migration.run.outcome import FileOutcome, Migrated, file_outcome
from strata.migration.run.plan import MigrationPlan
from strata.migration.run.running import BATCH, open_migration, working_folder
from strata.store import Migration, StepState, Store


def migrate(
    analyse: Callable[[Sequence[str]], Analysis],
    root: Path,
    strategy: str | MigrationPlan | None,
    order: Order | None = None,
    *,
    roots: Sequence[str] = (),
    home: Path,
    store: Store,
    ledger: str,
    progress: Callable[[str, int, int], None] = lambda _what, _done, _total: None,
) -> Migrated:
    """Carry a migration out, or go on with the open one; the arguments are those of `open_migration`.

    progress: called with what is done, and how many files of how many. Interrupted, it goes on where it was when it is
    called again.
    """
    with open_migration(
        analyse, root, strategy, order, roots=roots, home=home, store=store, ledger=ledger
    ) as migrating:
        batches = migrating.batches(AT_ONCE)
        total = len(migrating.plan.files)
        done = total - sum(map(len, batches))
        for batch in batches:
            progress("migrating", done, total)
            migrating.carry_out(batch)
            done += len(batch)
        progress("validating", total, total)
        return migrating.conclude(migrating.validate())


AT_ONCE = 4 * BATCH  # files of a batch, where one process does them all: what modules import from elsewhere takes long
STANDING: tuple[StepState, ...] = ("applying", "applied", "kept", "restoring")


@dataclass(frozen=True)
class RolledBack:
    """restored: files that are as before. left: those that are not, since somebody edited them."""

    migration: int
    restored: tuple[FileOutcome, ...]
    left: tuple[FileOutcome, ...]


def roll_back(
    root: Path,
    files: Iterable[str] | None = None,
    *,
    home: Path,
    store: Store,
    ledger: str,
    reason: str = "rolled back by hand",
) -> RolledBack:
    """Bring back every byte that the newest migration of the tree changed, or those of some files.

    The newest is the last one of which anything stands; it is over when nothing of it does. Raises JournalError where
    there is none, or a file is not as a migration left it.
    """
    wanted = None if files is None else list(files)
    with Journal(root, store, ledger, home / "migrations") as journal, journal.alone():
        found = _standing(journal, wanted)
        done = journal.roll_back(found.id, files=wanted, reason=reason)
        if wanted is None and not journal.steps(found.id, STANDING):
            journal.finish(found.id, "restored", dict(found.figures))
            shutil.rmtree(working_folder(home, found.id), ignore_errors=True)
    outcomes = [(step.state, file_outcome(step)) for step in done]
    restored = tuple(outcome for state, outcome in outcomes if state == "restored")
    left = tuple(outcome for state, outcome in outcomes if state != "restored")
    return RolledBack(found.id, restored, left)


def _standing(journal: Journal, files: list[str] | None) -> Migration:
    """The newest migration of which a change stands: of all these files, or any."""
    wanted = set(files or ())
    for migration in journal.log.of_tree(str(journal.root)):
        changed = {file.path for step in journal.steps(migration.id, STANDING) for file in step.files}
        if changed and (not wanted or wanted & changed):
            if missing := sorted(wanted - changed):
                raise JournalError(f"the same migration did not change {missing[0]}; name its files by themselves")
            return migration
    if wanted:
        raise JournalError(f"no migration stands that changed {min(wanted)}; name a file from the tree's root")
    raise JournalError(f"nothing that a migration changed in {journal.root} stands; there is nothing to roll back")
