"""The watch: each thing told once, in order, through failures of outlets and of the ledger, and across restarts."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
import trio
from trio.testing import MockClock

from strata.store import CaseLog, IncidentLog, Ledger, LedgerError
from strata.triage import Breaker, Desk, Notice, OutletFailed, read_rules, triage, watch
from strata.triage.notices import due
from strata.triage.watching import Telling
from tests.support.incidents import at, decision, incident

RULES = read_rules()


class Listener:
    """An outlet that hears, unless it fails: `deaf` so many times, or about a case that it `hates`."""

    def __init__(self, name: str = "listener", deaf: int = 0, hates: int | None = None) -> None:
        self.name, self.deaf, self.hates = name, deaf, hates
        self.heard: list[tuple[int, str]] = []
        self.asked: list[tuple[int, float]] = []

    async def tell(self, notice: Notice) -> None:
        self.asked.append((notice.case.id, trio.current_time()))
        await trio.lowlevel.checkpoint()
        if self.deaf or notice.case.id == self.hates:
            self.deaf = max(0, self.deaf - 1)
            raise OutletFailed("deaf")
        self.heard.append((notice.case.id, notice.name))


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    with Ledger(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as ledger:
        yield ledger


@pytest.fixture
def log(ledger: Ledger) -> IncidentLog:
    return IncidentLog(ledger)


def fail(log: IncidentLog, subject: str = "node-3") -> int:
    return log.begin(pipeline="inference", kind="stage failed", subject=subject, detail="its link ended")


def looks(telling: Telling, times: int = 1) -> None:
    async def main() -> None:
        for _ in range(times):
            await telling.look()

    trio.run(main)


def names(incidents, told=frozenset(), decisions=(), now: float = 100) -> list[str]:
    return [notice.name for notice in due(triage(incidents, decisions, RULES, at(now)), told, at(now))]


def test_each_thing_has_a_name_of_its_own() -> None:
    assert names([incident(1, 0)]) == ["opened"]
    assert names([incident(1, 0)], decisions=[decision(1, 1, "acknowledged", 1)]) == ["opened", "acknowledged"]
    assert names([incident(1, 0, 1)], {(1, "opened")}) == ["resolved"]
    assert names([incident(1, 0, 1), incident(2, 5)], {(1, "opened"), (1, "resolved")}) == ["opened 2"]
    assert names([incident(1, 0, 1)], {(1, "opened"), (1, "resolved")}) == []


def test_what_was_over_long_ago_is_no_news_and_what_is_open_always_is() -> None:
    day = timedelta(days=1).total_seconds()
    assert names([incident(1, 0, 1)], now=1 + day) == ["opened", "resolved"]
    assert names([incident(1, 0, 1)], now=2 + day) == []
    assert names([incident(1, 0)], now=90 * day) == ["opened"]


def test_a_notice_says_it_all() -> None:
    (notice,) = due(triage([incident(7, 0)], (), RULES, at(9)), (), at(9))
    told = notice.to_json()
    assert (notice.delivery, told["type"], told["timestamp"]) == (
        "7-opened-1",
        "strata.incident.opened",
        at(0).isoformat(),
    )
    assert told["data"]["playbook"]["steps"]


def test_each_thing_is_told_once_and_as_it_happens(ledger: Ledger, log: IncidentLog) -> None:
    desk, listener = Desk(ledger), Listener()
    telling = Telling(desk, listener)
    first, second = fail(log), fail(log, "node-4")
    looks(telling, 3)
    assert listener.heard == [(first, "opened"), (second, "opened")]
    desk.acknowledge(first, "Ada")
    log.resolve(second, "moved")
    looks(telling, 3)
    assert listener.heard[2:] == [(first, "acknowledged"), (second, "resolved")]
    fail(log, "node-4")
    looks(telling, 3)
    assert listener.heard[4:] == [(second, "opened 2")]


def test_another_watch_goes_on_where_the_first_was(ledger: Ledger, log: IncidentLog) -> None:
    listener = Listener()
    number = fail(log)
    looks(Telling(Desk(ledger), listener))
    log.resolve(number, "moved")
    looks(Telling(Desk(ledger), listener))
    assert listener.heard == [(number, "opened"), (number, "resolved")]


def test_outlets_are_told_each_for_itself(ledger: Ledger, log: IncidentLog) -> None:
    fail(log)
    for listener in (Listener("one"), Listener("two")):
        looks(Telling(Desk(ledger), listener))
        assert len(listener.heard) == 1


def test_what_fails_is_tried_again_and_its_order_kept(ledger: Ledger, log: IncidentLog) -> None:
    listener = Listener(deaf=2)
    number = fail(log)
    log.resolve(number, "moved")
    telling = Telling(Desk(ledger), listener)
    looks(telling)
    assert listener.heard == []
    looks(telling, 3)
    assert listener.heard == [(number, "opened"), (number, "resolved")]


def test_one_that_is_refused_does_not_hold_up_the_others(ledger: Ledger, log: IncidentLog) -> None:
    hated, other, third = (fail(log, name) for name in "abc")
    listener = Listener(hates=hated)
    looks(Telling(Desk(ledger), listener, Breaker(failures=100)), 3)
    assert listener.heard == [(other, "opened"), (third, "opened")]


def test_an_outlet_that_fails_again_and_again_is_left_alone_for_a_while(ledger: Ledger, log: IncidentLog) -> None:
    listener, well = Listener(deaf=4), Listener("well")
    number = fail(log)

    async def main() -> None:
        with trio.move_on_after(60):
            await watch(Desk(ledger), [listener, well])

    trio.run(main, clock=MockClock(autojump_threshold=0.05))
    asked = [time - listener.asked[0][1] for _, time in listener.asked]
    assert asked == pytest.approx([0, 1, 2, 7, 17], abs=1.1), "three tries, then after 5 and 10 s more"
    assert listener.heard == well.heard == [(number, "opened")]


def test_a_ledger_that_fails_is_asked_again(ledger: Ledger, log: IncidentLog, monkeypatch: pytest.MonkeyPatch) -> None:
    desk, listener = Desk(ledger), Listener()
    number = fail(log)
    with monkeypatch.context() as patch:
        patch.setattr(CaseLog, "tell", lambda *_: (_ for _ in ()).throw(LedgerError("the disk is full")))
        telling = Telling(desk, listener)
        for _ in range(3):
            with pytest.raises(LedgerError):
                looks(telling)
    looks(telling)
    assert listener.heard == [(number, "opened")], "it was told once, though that could not be written down"
    assert desk.log.told("listener") == {(number, "opened")}


def test_a_defect_of_an_outlet_ends_nothing(ledger: Ledger, log: IncidentLog, monkeypatch: pytest.MonkeyPatch) -> None:
    listener = Listener()
    number = fail(log)
    telling = Telling(Desk(ledger), listener)
    with monkeypatch.context() as patch:
        patch.setattr(Listener, "tell", lambda *_: 1 / 0)
        looks(telling)
    looks(telling)
    assert listener.heard == [(number, "opened")]


def test_a_case_that_was_told_is_not_told_again_for_what_else_changes(ledger: Ledger) -> None:
    case = triage([incident(1, 0)], (), RULES, at(1))[0]
    assert due([replace(case, detail="other", count=9, cause=3)], {(1, "opened")}, at(1)) == []
