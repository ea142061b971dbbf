"""Samples of memory: the newest of each node, in order, and never more than so many."""

from datetime import UTC, datetime, timedelta

from strata.store import Ledger, MemoryLog, MemorySample

BEGAN = datetime(2026, 11, 27, 1, 2, 3, 456789, tzinfo=UTC)


def _sample(node: str, minute: float, used: int = 1) -> MemorySample:
    return MemorySample(node, BEGAN + timedelta(minutes=minute), 1 << 40, used, {"sessions": 2})


def test_the_newest_of_each_node_and_the_series_of_one(any_url: str) -> None:
    with Ledger(any_url) as ledger, MemoryLog(ledger) as log:
        assert (log.latest(), log.series("a")) == ((), ())
        log.add([])
        log.add([_sample("b", 0), _sample("a", 0)])
        log.add([_sample("a", 1, used=5)])
        log.add([_sample("a", 2, used=1 << 40)])
        assert log.latest() == (_sample("a", 2, used=1 << 40), _sample("b", 0))
        assert log.series("a") == (_sample("a", 0), _sample("a", 1, used=5), _sample("a", 2, used=1 << 40))
        assert log.series("a", since=BEGAN + timedelta(minutes=1)) == log.series("a")[1:]
        assert log.series("a", limit=2) == log.series("a")[1:]
        assert log.series("nobody") == ()


def test_of_each_node_so_many_are_kept_the_newest(any_url: str) -> None:
    with MemoryLog(any_url, kept=3) as log:
        for minute in range(10):
            log.add([_sample("a", minute)] + [_sample("b", minute)] * (minute < 2))
        assert [sample.taken for sample in log.series("a")] == [_sample("a", minute).taken for minute in (7, 8, 9)]
        assert len(log.series("b")) == 2


def test_a_node_that_is_gone_is_forgotten(any_url: str) -> None:
    with MemoryLog(any_url, forgotten=timedelta(minutes=5)) as log:
        log.add([_sample("gone", 0), _sample("a", 0)])
        log.add([_sample("a", 5)])
        assert {sample.node for sample in log.latest()} == {"a", "gone"}
        log.add([_sample("a", 5.1)])
        assert {sample.node for sample in log.latest()} == {"a"}
        assert len(log.series("a")) == 2
