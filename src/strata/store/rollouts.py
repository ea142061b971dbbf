"""Rollouts: which share of the work a part gets, why it was changed, and what pieces of work measured meanwhile."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import Connection, Select, func, insert, select, update

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.tables import incidents, rollout_samples, rollouts


@dataclass(frozen=True)
class RolloutSetting:
    """From `changed` on `part` gets `percent` of the work. by: who said so."""

    id: int
    part: str
    percent: int
    reason: str
    by: str
    changed: datetime


@dataclass(frozen=True)
class RolloutSample:
    """What a piece of work measured, with the part (`enabled`) or without it.

    unit: which piece of work; subject: only samples of the same one are compared.
    """

    unit: str
    subject: str
    enabled: bool
    value: float


class RolloutLog(Database):
    """Settings of rollouts and samples that were taken under each. The newest setting of a part is the one that counts.

    A setting is locked before another takes its place, so that of several processes one does it.
    """

    def standing(self, part: str) -> RolloutSetting | None:
        """The setting that counts; None where there was never one."""
        with self._engine.connect() as connection:
            return _standing(connection, part)

    def history(self, part: str | None = None, limit: int = 20) -> tuple[RolloutSetting, ...]:
        """The latest settings, newest first."""
        query = select(rollouts).order_by(rollouts.c.id.desc()).limit(limit)
        if part is not None:
            query = query.where(rollouts.c.part == part)
        with self._engine.connect() as connection:
            return tuple(RolloutSetting(**row) for row in connection.execute(query).mappings())

    def begin(self, part: str, percent: int, *, reason: str, by: str) -> RolloutSetting:
        """Have this share from now on; samples are taken anew. Raises LedgerError for no percentage, or no reason."""
        with self._engine.begin() as connection:
            _lock(connection, part)
            return _begin(connection, part, percent, reason, by)

    def retreat(self, setting: RolloutSetting, *, reason: str, by: str, incident: Mapping[str, Any]) -> int | None:
        """Take the part from all work and open an incident, in one transaction, where `setting` still counts.

        incident: its columns pipeline, kind, detail and figures; its subject is the part. Returns its number; None
        where somebody else has changed the setting, and nothing is done.
        """
        with self._engine.begin() as connection:
            _lock(connection, setting.part)
            standing = _standing(connection, setting.part)
            if standing is None or standing.id != setting.id:
                return None
            _begin(connection, setting.part, 0, reason, by)
            row = {"subject": setting.part, "state": "open", "response": reason, "started": datetime.now(UTC)}
            key = connection.execute(insert(incidents).values({**row, **incident})).inserted_primary_key
        assert key is not None
        return int(key[0])

    def add(self, setting: RolloutSetting, samples: Sequence[RolloutSample]) -> None:
        """Keep samples of work that was done under this setting."""
        rest = {"part": setting.part, "setting": setting.id, "taken": datetime.now(UTC)}
        if samples:
            with self._engine.begin() as connection:
                connection.execute(insert(rollout_samples), [asdict(each) | rest for each in samples])

    def counts(self, setting: RolloutSetting) -> tuple[int, int]:
        """How many samples were taken under it: with the part, and without it."""
        counted = select(rollout_samples.c.enabled, func.count()).where(rollout_samples.c.setting == setting.id)
        with self._engine.connect() as connection:
            found = dict(connection.execute(counted.group_by(rollout_samples.c.enabled)).tuples().all())
        return found.get(True, 0), found.get(False, 0)

    def samples(self, setting: RolloutSetting, *, skip: int, most: int) -> tuple[RolloutSample, ...]:
        """At most so many samples that were taken under it, after the first `skip`, in the order of their arrival."""
        columns = (rollout_samples.c[name] for name in ("unit", "subject", "enabled", "value"))
        query: Select[Any] = select(*columns).where(rollout_samples.c.setting == setting.id)
        query = query.order_by(rollout_samples.c.id).offset(skip).limit(most)
        with self._engine.connect() as connection:
            return tuple(RolloutSample(**row) for row in connection.execute(query).mappings())


def _standing(connection: Connection, part: str) -> RolloutSetting | None:
    query = select(rollouts).where(rollouts.c.part == part).order_by(rollouts.c.id.desc()).limit(1)
    row = connection.execute(query).mappings().first()
    return RolloutSetting(**row) if row else None


def _lock(connection: Connection, part: str) -> None:
    """Wait for others who change this part's setting: a write, since SQLite has no other lock."""
    newest = select(func.max(rollouts.c.id)).where(rollouts.c.part == part).scalar_subquery()
    connection.execute(update(rollouts).where(rollouts.c.id == newest).values(part=part))


def _begin(connection: Connection, part: str, percent: int, reason: str, by: str) -> RolloutSetting:
    if not 0 <= percent <= 100 or not reason:
        raise LedgerError(f"a rollout needs a percentage from 0 to 100 and a reason, not {percent} and {reason!r}")
    changed = datetime.now(UTC)
    row = {"part": part, "percent": percent, "reason": reason, "by": by, "changed": changed}
    key = connection.execute(insert(rollouts).values(row)).inserted_primary_key
    assert key is not None
    return RolloutSetting(int(key[0]), part, percent, reason, by, changed)
