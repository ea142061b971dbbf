import signal
from asyncio import CancelledError

import pytest
from prefect.exceptions import Pause, TerminationSignal

from strata.settings import Settings
from strata.store import Ledger, LedgerError, abandoned
from tasks.record import recorded, skipped


@pytest.fixture
def settings(tmp_path, monkeypatch):
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    monkeypatch.setenv("ARCHAEOLOGICAL_PHASE_2_VERSION", "2.1")
    return Settings()


def last_run(settings):
    with Ledger(settings.ledger) as ledger:
        return ledger.runs("inference")[0]


def test_a_run_that_ends_well_keeps_its_figures_and_the_version(settings):
    with recorded("inference", settings) as figures:
        assert last_run(settings).state == "running"
        figures["tokens"] = 64
    run = last_run(settings)
    assert (run.state, run.version, run.figures) == ("completed", "2.1", {"tokens": 64})
    assert run.finished >= run.started


@pytest.mark.parametrize(
    ("error", "state"), [(ValueError("broke"), "failed"), (KeyboardInterrupt(), "cancelled"), (Pause(), "suspended")]
)
def test_a_run_that_does_not_is_recorded_too(settings, error, state):
    def run_pipeline():
        with recorded("inference", settings) as figures:
            figures["tokens"] = 3
            raise error

    with pytest.raises(type(error)):
        run_pipeline()
    run = last_run(settings)
    assert run.state == state
    assert run.figures["tokens"] == 3
    assert run.figures.get("error") == (str(error) if state == "failed" else None)


def test_a_skipped_run_says_why(settings):
    skipped("inference", settings, "switched off")
    assert last_run(settings).state == "skipped"
    assert last_run(settings).figures == {"reason": "switched off"}
    skipped("inference", settings, "no room", {"free": 3})
    assert last_run(settings).figures == {"reason": "no room", "free": 3}


@pytest.mark.parametrize(
    ("error", "state", "why"),
    [
        (TerminationSignal(signal.SIGTERM), "crashed", None),
        (SystemExit(1), "crashed", None),
        (CancelledError(), "failed", "it took longer than the timeout of its flow"),
    ],
)
def test_an_end_from_outside_is_recorded_as_what_it_is(settings, error, state, why):
    def run_pipeline():
        with recorded("inference", settings):
            raise error

    with pytest.raises(type(error)):
        run_pipeline()
    assert (last_run(settings).state, last_run(settings).figures.get("error")) == (state, why)


def test_a_run_holds_a_claim_as_long_as_it_is_under_way(settings):
    with recorded("inference", settings):
        claim = last_run(settings).figures["claim"]
        with abandoned(settings.home, claim) as gone:
            assert not gone
    assert "claim" not in last_run(settings).figures
    assert list((settings.home / "running").iterdir()) == []


def test_a_run_whose_end_could_not_be_written_down_is_an_abandoned_one(settings, monkeypatch):
    def refuse(*_):
        raise LedgerError("locked")

    monkeypatch.setattr(Ledger, "finish_run", refuse)

    def run_pipeline():
        with recorded("inference", settings):
            pass

    with pytest.raises(LedgerError):
        run_pipeline()
    with abandoned(settings.home, last_run(settings).figures["claim"]) as gone:
        assert gone
