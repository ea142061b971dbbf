"""The ledger: runs, and pointers that move once for each who believes rightly where they stand."""

import sqlite3
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from strata.store import InvalidName, Ledger, LedgerError, PointerMoved

A, B, C, D = (letter * 64 for letter in "abcd")


@pytest.fixture
def ledger(any_url: str):
    with Ledger(any_url) as ledger:
        yield ledger


def test_a_run_is_recorded_from_start_to_end(ledger: Ledger) -> None:
    first = ledger.start_run("inference", "1")
    second = ledger.start_run("evolution", "1")
    ledger.finish_run(first, "completed", {"tokens": 16, "stages": [{"node": "a"}]})
    (run,) = ledger.runs("inference")
    assert (run.id, run.pipeline, run.version, run.state) == (first, "inference", "1", "completed")
    assert run.figures == {"tokens": 16, "stages": [{"node": "a"}]}
    assert run.finished is not None
    assert timedelta(0) <= run.finished - run.started < timedelta(minutes=1)
    assert abs(datetime.now(UTC) - run.started) < timedelta(minutes=1)
    assert [(run.id, run.state, run.finished) for run in ledger.runs(limit=1)] == [(second, "running", None)]


def test_a_run_ends_once(ledger: Ledger) -> None:
    run = ledger.start_run("inference", "1")
    ledger.finish_run(run, "failed", {})
    for wrong in (run, run + 1):
        with pytest.raises(LedgerError, match=f"run {wrong} is not running"):
            ledger.finish_run(wrong, "completed", {})
    assert ledger.runs()[0].state == "failed"


def test_what_is_known_of_a_run_under_way_is_kept_until_it_ends(ledger: Ledger) -> None:
    first = ledger.start_run("inference", "1", {"claim": "a"})
    second = ledger.start_run("mesh", "1")
    assert [(run.id, run.figures) for run in ledger.under_way()] == [(first, {"claim": "a"}), (second, {})]
    ledger.finish_run(first, "crashed", {"error": "gone"})
    assert [run.id for run in ledger.under_way()] == [second]
    assert (ledger.runs("inference")[0].state, ledger.runs("inference")[0].figures) == ("crashed", {"error": "gone"})


def test_runs_since_a_time_are_those_that_began_then_or_later(ledger: Ledger) -> None:
    ids = [ledger.start_run(name, "1") for name in ("mesh", "inference")]
    second = ledger.runs("inference")[0].started
    assert [run.id for run in ledger.runs_since(second)] == ids[1:]
    assert [run.id for run in ledger.runs_since(second - timedelta(hours=1))] == ids
    assert ledger.runs_since(second + timedelta(microseconds=1)) == ()


def test_a_pointer_moves_and_remembers(ledger: Ledger) -> None:
    assert ledger.pointer("champion") is None
    ledger.move("champion", A, expected=None, reason="first")
    ledger.move("champion", B, expected=A, reason="better")
    pointer = ledger.move("champion", A, expected=B, reason="regressed")
    assert ledger.pointer("champion") == pointer
    assert (pointer.digest, pointer.revision) == (A, 3)
    assert [(m.revision, m.digest, m.previous, m.reason) for m in ledger.history("champion")] == [
        (3, A, B, "regressed"),
        (2, B, A, "better"),
        (1, A, None, "first"),
    ]


@pytest.mark.parametrize("expected", [None, B])
def test_a_wrong_belief_moves_nothing(ledger: Ledger, expected: str | None) -> None:
    ledger.move("champion", A, expected=None)
    with pytest.raises(PointerMoved) as caught:
        ledger.move("champion", C, expected=expected)
    assert (caught.value.found, caught.value.expected) == (A, expected)
    assert (ledger.pointer("champion").digest, len(ledger.history("champion"))) == (A, 1)


def test_a_pointer_that_is_not_there_is_not_moved(ledger: Ledger) -> None:
    with pytest.raises(PointerMoved) as caught:
        ledger.move("champion", A, expected=B)
    assert caught.value.found is None
    assert ledger.history("champion") == ()


def test_roots_are_the_last_moves_of_every_pointer(ledger: Ledger) -> None:
    for digest, previous in ((A, None), (B, A), (C, B)):
        ledger.move("champion", digest, expected=previous)
    ledger.move("suite", D, expected=None)
    assert ledger.digests() == {A, B, C, D}
    assert ledger.digests(depth=2) == {B, C, D}
    assert ledger.digests(depth=1) == {C, D}


@pytest.mark.parametrize(("name", "digest"), [("../x", A), ("", A), ("champion", "x"), ("champion", A.upper())])
def test_bad_names_and_digests_are_refused(ledger: Ledger, name: str, digest: str) -> None:
    with pytest.raises(InvalidName):
        ledger.move(name, digest, expected=None)
    assert ledger.digests() == frozenset()


def test_of_many_threads_one_wins_each_move(any_url: str) -> None:
    def race(index: int) -> bool:
        with Ledger(any_url) as ledger:
            try:
                ledger.move("champion", f"{index:064x}", expected=None)
            except PointerMoved:
                return False
            return True

    with ThreadPoolExecutor(8) as pool:
        assert sum(pool.map(race, range(8))) == 1
    with Ledger(any_url) as ledger:
        assert len(ledger.history("champion")) == 1


def test_the_ledger_is_there_after_reopening_and_in_wal_mode(url: str) -> None:
    with Ledger(url) as ledger:
        ledger.move("champion", A, expected=None)
    with Ledger(url) as ledger:
        assert ledger.pointer("champion").digest == A
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    assert connection.execute("PRAGMA journal_mode").fetchone() == ("wal",)
    connection.close()


def test_a_ledger_of_another_version_is_refused(url: str) -> None:
    Ledger(url).close()
    connection = sqlite3.connect(url.removeprefix("sqlite:///"))
    connection.execute("UPDATE ledger_version SET version = 999")
    connection.commit()
    connection.close()
    with pytest.raises(LedgerError, match="schema version 999; this release reads 5"):
        Ledger(url)


@pytest.mark.parametrize("url", ["nonsense", "nosuch://host/db", "sqlite+nosuch:///x"])
def test_a_url_without_a_driver_is_refused_in_one_line(url: str) -> None:
    with pytest.raises(LedgerError, match="cannot open the ledger") as caught:
        Ledger(url)
    assert "\n" not in str(caught.value)


def test_a_file_that_is_no_database_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "ledger.sqlite"
    path.write_text("not a database, whatever its name says" * 100)
    with pytest.raises(LedgerError, match="cannot open the ledger"):
        Ledger(f"sqlite:///{path}")
