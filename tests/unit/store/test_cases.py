"""What the triage reads of the log, and writes beside it, in each database that the ledger is meant for."""

from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import create_engine, inspect, text

from strata.store import CaseLog, Hold, IncidentLog, Ledger, LedgerError, within_run


@dataclass(frozen=True)
class Same:
    """Holds that are the same for every kind."""

    longest: Hold

    def hold(self, pipeline: str, kind: str) -> Hold:
        return self.longest


HOLD = Same(Hold(timedelta(seconds=60), timedelta(days=7)))
EVER = datetime(2026, 1, 1, tzinfo=UTC)


def begin(log: CaseLog, subject: str = "node-3") -> int:
    return IncidentLog(log).begin(pipeline="inference", kind="stage failed", subject=subject, detail="gone")


def test_a_decision_is_kept_and_ends_what_is_open(any_url: str) -> None:
    with CaseLog(any_url) as log:
        one, two, done = begin(log), begin(log), begin(log)
        IncidentLog(log).resolve(done, "moved")
        log.decide(one, "acknowledged", "Ada", "looking", not_before=EVER)
        log.decide(one, "resolved", "Ada", "new disk", not_before=EVER, ends=[one, two, done])
        first, second = log.decisions()
        assert (first.case, first.state, first.by, first.reason) == (one, "acknowledged", "Ada", "looking")
        assert first.decided <= second.decided
        found = {each.id: each.response for each in IncidentLog(log).recent()}
        assert found == {one: "resolved by Ada: new disk", two: "resolved by Ada: new disk", done: "moved"}
        assert log.decisions(after=first.id) == (second,)
        assert log.decisions(since=one + 1) == ()


def test_a_decision_is_no_earlier_than_what_it_is_about(any_url: str) -> None:
    later = datetime.now(UTC) + timedelta(hours=1)
    with CaseLog(any_url) as log:
        log.decide(begin(log), "acknowledged", "Ada", "", not_before=later)
        assert log.decisions()[0].decided == later


def test_of_many_who_tell_one_is_the_first(any_url: str) -> None:
    with CaseLog(any_url) as log, ThreadPoolExecutor(8) as pool:
        won = list(pool.map(lambda _: log.tell("webhook", 3, "opened"), range(8)))
        assert sum(won) == 1
        assert log.tell("webhook", 3, "resolved")
        assert log.tell("other", 3, "opened")
        assert log.told("webhook") == {(3, "opened"), (3, "resolved")}
        assert log.told("webhook", since=4) == frozenset()


def test_the_latest_are_read_with_what_they_may_belong_to(any_url: str) -> None:
    with CaseLog(any_url) as log:
        before, open_one, held = begin(log, "before"), begin(log, "open"), begin(log, "held")
        for number in (before, held):
            IncidentLog(log).resolve(number, "moved")
        _shift(log, before, held, hours=1)
        latest = [begin(log, "held") for _ in range(3)]
        assert [each.id for each in log.recent(3, HOLD)] == [open_one, *latest]
        long = Same(Hold(timedelta(hours=2), timedelta(days=7)))
        assert [each.id for each in log.recent(3, long)] == [before, open_one, held, *latest]
        assert [each.id for each in log.recent(100, HOLD)] == [before, open_one, held, *latest]
        assert [each.id for each in log.related(latest[0], long)] == [held, *latest]
        assert [each.id for each in log.related(latest[0], HOLD)] == latest
        assert log.related(99, HOLD) == ()


def test_what_changed_is_what_is_new_or_has_ended(any_url: str) -> None:
    with CaseLog(any_url) as log:
        old = [begin(log) for _ in range(70)]
        IncidentLog(log).abandon(old[0], "nothing helped")
        found = {each.id for each in log.changed(old[-1], old[:3])}
        assert found == {old[0], *old[-64:]}
        new = begin(log)
        assert new in {each.id for each in log.changed(old[-1], [])}


def test_what_begins_in_a_run_names_it(any_url: str) -> None:
    with CaseLog(any_url) as log:
        with within_run("one"):
            begin(log)
        begin(log)
        assert [each.figures for each in IncidentLog(log).recent()] == [{}, {"run": "one"}]


def test_an_older_ledger_gets_the_indexes_too(any_url: str) -> None:
    Ledger(any_url).close()
    engine = create_engine(any_url)
    with engine.begin() as connection:
        for table in ("tokens", "case_decisions", "case_notices", "memory_samples", "rollouts", "rollout_samples"):
            connection.execute(text(f"DROP TABLE {table}"))
        for index in ("incidents_by_end", "incidents_of_subject"):
            connection.execute(text(f"DROP INDEX {index}"))
        connection.execute(text("UPDATE ledger_version SET version = 4"))
    Ledger(any_url).close()
    with engine.connect() as connection:
        found = {each["name"] for each in inspect(connection).get_indexes("incidents")}
    engine.dispose()
    assert found >= {"incidents_by_end", "incidents_of_subject"}


def test_who_decides_is_named(any_url: str) -> None:
    with CaseLog(any_url) as log, pytest.raises(LedgerError, match="who decides"):
        log.decide(1, "resolved", "", "why", not_before=EVER)


def _shift(log: CaseLog, *numbers: int, hours: float) -> None:
    """Have these been begun and ended so long ago."""
    from sqlalchemy import update

    from strata.store.tables import incidents

    past = datetime.now(UTC) - timedelta(hours=hours)
    with log._engine.begin() as connection:
        connection.execute(update(incidents).where(incidents.c.id.in_(numbers)).values(started=past, ended=past))
