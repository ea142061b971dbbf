"""Migrations of source trees: their steps, and of each file the bytes before and after, by digest."""

import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import bindparam, insert, select, update
from sqlalchemy.exc import IntegrityError

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.names import check_digest
from strata.store.tables import migration_files, migration_steps, migrations

MigrationState = Literal["open", "finished", "restored"]
# applying, restoring: under way, or broken off there. applied: not yet validated; kept: validated.
StepState = Literal["applying", "applied", "kept", "restoring", "restored", "refused"]
_COLUMNS = ("name", "why", "state", "code", "reason", "pack")


@dataclass(frozen=True)
class Migration:
    """One migration of the tree at that path; plan: blob of what was to be done."""

    id: int
    tree: str
    strategy: str
    plan: str | None
    state: MigrationState
    started: datetime
    finished: datetime | None
    figures: Mapping[str, Any]


@dataclass(frozen=True)
class MigrationFile:
    """A file of a step: digests of its bytes before and after (None: it is not there).

    mode: permissions that it had, or gets. made: folders that had to be made for it, the outermost first.
    """

    path: str
    before: str | None
    after: str | None
    mode: int
    made: Sequence[str] = ()


@dataclass(frozen=True)
class MigrationStep:
    """What became of a step.

    code and reason: why it was refused or undone. id: 0 before it is entered. pack: blob that holds its files' bytes.
    """

    name: str
    why: str
    state: StepState
    files: tuple[MigrationFile, ...] = ()
    code: str = ""
    reason: str = ""
    id: int = 0
    pack: str | None = None


class MigrationLog(Database):
    """Migrations by tree, numbered from 1."""

    def begin(self, tree: str, strategy: str, plan: str | None = None) -> Migration:
        """Record that a migration of a tree begins. Raises LedgerError where one is open."""
        digest = _digest(tree)
        row: dict[str, Any] = {
            "tree": tree,
            "tree_digest": digest,
            "lock": digest,
            "strategy": strategy,
            "state": "open",
        }
        row["plan"] = plan and check_digest(plan)
        try:
            with self._engine.begin() as connection:
                new = insert(migrations).values(row | {"started": datetime.now(UTC), "figures": {}})
                key = connection.execute(new).inserted_primary_key
        except IntegrityError as error:
            raise LedgerError(f"a migration of {tree} is open already; resume it or roll it back") from error
        assert key is not None
        return self.get(int(key[0]))

    def get(self, migration: int) -> Migration:
        """The migration of that number. Raises LedgerError where there is none."""
        found = self._some(migrations.c.id == migration)
        if not found:
            raise LedgerError(f"there is no migration {migration}")
        return found[0]

    def of_tree(self, tree: str) -> tuple[Migration, ...]:
        """The migrations of a tree, newest first."""
        return self._some(migrations.c.tree_digest == _digest(tree))

    def finish(self, migration: int, state: MigrationState, figures: Mapping[str, Any]) -> None:
        """Record how it ended. Raises LedgerError unless it is there."""
        values = {"state": state, "finished": datetime.now(UTC), "figures": dict(figures), "lock": None}
        with self._engine.begin() as connection:
            if connection.execute(update(migrations).where(migrations.c.id == migration).values(values)).rowcount != 1:
                raise LedgerError(f"there is no migration {migration}")

    def enter(self, migration: int, steps: Sequence[MigrationStep]) -> tuple[MigrationStep, ...]:
        """Record steps and their files, all or none, before any file is touched; returns them with their ids."""
        if not steps:
            return ()
        rows = [{"migration": migration} | _row(each) for each in steps]
        new = insert(migration_steps).returning(migration_steps.c.id, sort_by_parameter_order=True)
        with self._engine.begin() as connection:
            ids = connection.execute(new, rows).scalars().all()
            entered = tuple(replace(each, id=number) for each, number in zip(steps, ids, strict=True))
            files = [
                {"step": each.id, "state": each.state, **asdict(file), "made": list(file.made)}
                for each in entered
                for file in each.files
            ]
            if files:
                connection.execute(insert(migration_files), files)
        return entered

    def settle(self, steps: Iterable[MigrationStep]) -> None:
        """Record the states of entered steps, and why, in one transaction."""
        rows = [{"of": each.id, "state_": each.state, "code_": each.code, "reason_": each.reason} for each in steps]
        if not rows:
            return
        values: dict[str, Any] = {
            "state": bindparam("state_"),
            "code": bindparam("code_"),
            "reason": bindparam("reason_"),
        }
        change = update(migration_steps).where(migration_steps.c.id == bindparam("of")).values(values)
        beside = update(migration_files).where(migration_files.c.step == bindparam("of"))
        with self._engine.begin() as connection:
            connection.execute(change, rows)
            short = [{"of": row["of"], "state_": row["state_"]} for row in rows]
            connection.execute(beside.values(state=bindparam("state_")), short)

    def steps(self, migration: int, states: Iterable[StepState] | None = None) -> tuple[MigrationStep, ...]:
        """The steps of a migration (in some states), in the order in which they were entered."""
        wanted = migration_steps.c.migration == migration
        if states is not None:
            wanted &= migration_steps.c.state.in_(list(states))
        query = select(migration_steps).where(wanted).order_by(migration_steps.c.id)
        mine = select(migration_steps.c.id).where(wanted)
        beside = select(migration_files).where(migration_files.c.step.in_(mine)).order_by(migration_files.c.id)
        with self._engine.connect() as connection:
            files = defaultdict(list)
            rows = connection.execute(query).mappings().all()
            for row in connection.execute(beside).mappings() if rows else ():
                file = MigrationFile(row["path"], row["before"], row["after"], row["mode"], tuple(row["made"]))
                files[row["step"]].append(file)
        return tuple(
            MigrationStep(files=tuple(files[row["id"]]), **{name: row[name] for name in (*_COLUMNS, "id")})
            for row in rows
        )

    def _some(self, condition: Any) -> tuple[Migration, ...]:
        columns = [migrations.c[name] for name in Migration.__dataclass_fields__]
        query = select(*columns).where(condition).order_by(migrations.c.id.desc())
        with self._engine.connect() as connection:
            return tuple(Migration(**row) for row in connection.execute(query).mappings())


def _row(step: MigrationStep) -> dict[str, Any]:
    return {name: getattr(step, name) for name in _COLUMNS}


def _digest(tree: str) -> str:
    return hashlib.sha256(tree.encode()).hexdigest()
