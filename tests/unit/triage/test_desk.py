"""The desk over a real ledger: what it finds, how far it looks back, and what people decide."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, insert

from strata.store import IncidentLog, Ledger, LedgerError
from strata.store.tables import incidents
from strata.triage import CaseIsResolved, Desk, NoSuchCase, read_rules
from tests.support.incidents import START, at

RULES = read_rules()
QUIET = RULES.of("inference", "stage failed").quiet


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        yield ledger


@pytest.fixture
def log(ledger: Ledger) -> IncidentLog:
    return IncidentLog(ledger)


def fail(log: IncidentLog, subject: str = "node-3", pipeline: str = "inference", kind: str = "stage failed") -> int:
    return log.begin(pipeline=pipeline, kind=kind, subject=subject, detail="its link ended")


def fill(ledger: Ledger, rows: list[tuple[str, float, float | None]]) -> None:
    """Stages that failed: (subject, when they began, and ended), at seconds after a start."""
    plain = {"pipeline": "inference", "kind": "stage failed", "detail": "x", "response": "", "figures": {}}
    with ledger._engine.begin() as connection:
        connection.execute(
            insert(incidents),
            [
                plain
                | {"subject": subject, "started": at(begun), "ended": None if ended is None else at(ended)}
                | {"state": "open" if ended is None else "resolved"}
                for subject, begun, ended in rows
            ],
        )


def test_cases_are_listed_newest_first_and_by_what_is_asked_for(ledger: Ledger, log: IncidentLog) -> None:
    desk = Desk(ledger)
    assert desk.cases() == ()
    first, second, third = fail(log), fail(log, "a", "mesh", "dead member"), fail(log, "node-4")
    log.resolve(first, "moved")
    assert [case.id for case in desk.cases()] == [third, second, first]
    assert [case.id for case in desk.cases(limit=2)] == [third, second]
    assert [case.id for case in desk.cases(before=third)] == [second, first]
    assert [case.id for case in desk.cases("resolved")] == [first]
    assert [case.id for case in desk.cases("unresolved", pipeline="inference")] == [third]
    assert [case.id for case in desk.cases(severity="high")] == [second]


def test_what_is_new_or_has_ended_is_seen_at_once(ledger: Ledger, log: IncidentLog) -> None:
    desk = Desk(ledger)
    number = fail(log)
    assert desk.case(number).state == "open"
    assert fail(log) != number
    assert (desk.case(number).count, len(desk.cases())) == (2, 1)
    for each in log.open_ones("inference"):
        log.resolve(each.id, "moved")
    assert desk.case(number).state == "resolved"


def test_nothing_is_computed_anew_where_nothing_changed(ledger: Ledger, log: IncidentLog) -> None:
    desk = Desk(ledger)
    fail(log)
    (case,) = desk.cases()
    assert desk.cases()[0] is case


def test_a_person_takes_it_up_and_resolves_it(ledger: Ledger, log: IncidentLog) -> None:
    desk, other = Desk(ledger), Desk(ledger)
    number = fail(log)
    assert desk.acknowledge(number, "Ada", "looking").state == "acknowledged"
    assert [(each.by, each.reason) for each in other.case(number).decisions] == [("Ada", "looking")]
    assert other.resolve(number, "Bob", "new disk").state == "resolved"
    (incident,) = log.recent()
    assert (incident.state, incident.response) == ("resolved", "resolved by Bob: new disk")
    assert incident.ended == desk.case(number).changed
    for decide in (desk.acknowledge, desk.resolve):
        with pytest.raises(CaseIsResolved, match=f"case {number} is resolved already"):
            decide(number, "Ada", "again")


def test_it_opens_again_when_it_happens_again(ledger: Ledger, log: IncidentLog) -> None:
    desk = Desk(ledger)
    number = fail(log)
    desk.resolve(number, "Ada", "new disk")
    fail(log)
    case = desk.case(number)
    assert (case.state, case.openings, case.count) == ("open", 2, 2)
    assert desk.resolve(number, "Ada", "newer disk").state == "resolved"


def test_one_who_wrote_by_a_clock_that_is_ahead_can_be_answered(ledger: Ledger) -> None:
    ahead = (datetime.now(UTC) - START).total_seconds() + 300
    fill(ledger, [("node-3", ahead, None)])
    desk = Desk(ledger)
    assert desk.acknowledge(1, "Ada").state == "acknowledged"


def test_who_decides_must_have_a_name_and_be_brief(ledger: Ledger, log: IncidentLog) -> None:
    desk = Desk(ledger)
    number = fail(log)
    for by, reason in (("", "why"), ("A" * 129, "why"), ("Ada", "w" * 2001)):
        with pytest.raises(LedgerError, match="who decides"):
            desk.resolve(number, by, reason)
    assert desk.case(number).state == "open"


def test_there_may_be_no_such_case(ledger: Ledger, log: IncidentLog) -> None:
    number = fail(log)
    second = fail(log)
    for unknown in (number + 99, second):  # the second is no case of its own
        with pytest.raises(NoSuchCase, match=f"there is no case {unknown}"):
            Desk(ledger).case(unknown)


def test_a_summary_counts(ledger: Ledger, log: IncidentLog) -> None:
    desk = Desk(ledger)
    assert desk.summary().oldest is None
    numbers = [fail(log), fail(log, "a", "mesh", "dead member"), fail(log, "node-4")]
    log.resolve(numbers[0], "moved")
    desk.acknowledge(numbers[1], "Ada")
    found = desk.summary()
    assert found.states == {"open": 1, "acknowledged": 1, "resolved": 1}
    assert found.severities == {"high": 1, "medium": 1, "low": 0}
    assert found.pipelines == {"mesh": 1, "inference": 1}
    assert found.oldest == desk.case(numbers[1]).first


def test_it_looks_back_so_far_and_keeps_what_is_open_or_belongs_to_what_it_sees(ledger: Ledger) -> None:
    flapping = [("flapping", step * QUIET, step * QUIET + 1) for step in range(150)]
    others = [(f"other-{number}", 150 * QUIET + number, 151 * QUIET) for number in range(20)]
    fill(ledger, [("forgotten", 0, 5), ("open", 1, None), *flapping, *others, ("flapping", 150 * QUIET + 1, None)])
    whole, desk = Desk(ledger), Desk(ledger, newest=10)
    every = {case.id: case for case in whole.cases()}
    seen = desk.cases()
    assert len(every) == 23
    assert {case.subject for case in seen} >= {"open", "flapping"}
    assert "forgotten" not in {case.subject for case in seen}
    assert all(case == every[case.id] for case in seen), "also those that began long before"
    assert max(case.count for case in seen) == 151
    assert all(desk.case(number) == case for number, case in every.items()), "older ones are found by their number"


def test_a_log_that_grows_is_read_anew_and_the_cases_stay(ledger: Ledger, log: IncidentLog) -> None:
    desk = Desk(ledger, newest=5)
    old = fail(log, "old")
    for number in range(40):
        log.resolve(fail(log, f"node-{number}"), "moved")
        assert desk.case(old).state == "open"
    assert desk.cases() == Desk(ledger).cases()


def test_the_passing_of_time_alone_ends_what_lapses(ledger: Ledger, log: IncidentLog) -> None:
    now = datetime.now(UTC)
    desk = Desk(ledger, now=lambda: now)
    number = fail(log)
    log.abandon(number, "nothing helped")
    assert desk.case(number).state == "open"
    now += timedelta(days=8)
    assert desk.case(number).state == "resolved"


def test_a_look_costs_a_few_statements_however_long_the_log_is(ledger: Ledger) -> None:
    fill(ledger, [(f"node-{number}", number, number + 1) for number in range(3000)])
    desk, statements = Desk(ledger, newest=100), []
    desk.cases()
    event.listen(ledger._engine, "after_cursor_execute", lambda *given: statements.append(given[2]))
    assert len(desk.cases()) >= 100
    assert len(statements) <= 3
