"""Rollouts on a real ledger: what counts, what is kept, and one retreat with one incident."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from strata.rollout import (
    PIPELINE,
    REGRESSION,
    Draw,
    Measured,
    Part,
    Retreat,
    change_percent,
    note,
    stand,
    trial_of,
)
from strata.settings import Settings
from strata.store import IncidentLog, LedgerError, RolloutLog

PART = Part.OPTIMISER
FLAGS = (
    "DISTRIBUTED_INFERENCE_CROSS_NODE_OPT",
    "DISTRIBUTED_INFERENCE_CROSS_NODE_OPT_PERCENT",
    "LIBP2P_PERFORMANCE_OPT",
    "LIBP2P_PERFORMANCE_OPT_PERCENT",
)


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    for name in (*FLAGS, "STRATA_LEDGER_URL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    return Settings()


def draws(settings: Settings, part: Part = PART) -> Iterator[Draw]:
    """Of one unit after the other."""
    trial = trial_of(part, settings)
    return (trial.draw(f"run-{number}") for number in range(10_000))


def work(settings: Settings, count: int, factor: float, part: Part = PART) -> list[Retreat]:
    """So many runs, one after the other, which take `factor` times as long with the part; the retreats."""
    units = draws(settings, part)
    found: list[Retreat] = []
    for number, draw in zip(range(count), units, strict=False):
        seconds = (1 + number % 7 / 100) * (factor if draw.enabled else 1)
        found += note(settings, [Measured(draw, "work", seconds)])
    return found


def incidents(settings: Settings) -> list[str]:
    with IncidentLog(settings.ledger) as log:
        return [each.state for each in log.recent(PIPELINE)]


def test_by_default_all_work_has_it_and_nothing_is_written(settings: Settings) -> None:
    trial = trial_of(PART, settings)
    assert (trial.percent, trial.setting, trial.compares) == (100, None, False)
    assert work(settings, 5, 9.0) == []
    with RolloutLog(settings.ledger) as log:
        assert log.history() == ()
    standing = stand(PART, settings)
    assert (standing.enabled, standing.disabled, standing.window) == (0, 0, None)


def test_the_settings_are_the_start_and_the_ledger_wins(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_CROSS_NODE_OPT_PERCENT", "30")
    first = trial_of(PART, Settings())
    assert (first.percent, first.setting.by, first.compares) == (30, "settings", True)
    assert trial_of(PART, Settings()).setting == first.setting
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_CROSS_NODE_OPT_PERCENT", "60")
    assert trial_of(PART, Settings()).percent == 30
    change_percent(PART, 80, Settings(), reason="it is good", by="ann")
    assert trial_of(PART, Settings()).percent == 80
    assert trial_of(Part.TRANSPORT, Settings()).percent == 100


def test_slower_work_is_taken_from_all_once_with_one_incident(settings: Settings) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    (retreat,) = work(settings, 200, 1.5)
    assert (retreat.part, retreat.percent) == (PART, 50)
    with RolloutLog(settings.ledger) as log:
        newest, before = log.history()
    assert (newest.percent, newest.by, before.by) == (0, "automatic", "ann")
    assert "slower with it by more than 5%" in newest.reason
    with IncidentLog(settings.ledger) as log:
        (incident,) = log.open_ones(PIPELINE, REGRESSION, PART)
    assert incident.id == retreat.incident
    assert incident.figures["evidence"] >= incident.figures["needed"]
    assert incident.figures["ratio"] == pytest.approx(1.5, rel=0.1)
    assert not next(draws(settings)).enabled
    assert trial_of(Part.TRANSPORT, settings).percent == 100, "the other part stays"


@pytest.mark.parametrize("factor", [0.6, 1.0, 1.04])
def test_what_is_as_fast_stays(settings: Settings, factor: float) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    assert work(settings, 300, factor) == []
    assert incidents(settings) == []
    standing = stand(PART, settings)
    assert standing.enabled + standing.disabled == 300
    assert standing.window.number == 2
    assert standing.window.found.pairs < 64


def test_a_person_begins_anew_which_settles_the_incident(settings: Settings) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    work(settings, 200, 1.5)
    change_percent(PART, 20, settings, reason="mended", by="ann")
    assert incidents(settings) == ["resolved"]
    standing = stand(PART, settings)
    assert (standing.trial.percent, standing.enabled, standing.disabled) == (20, 0, 0)
    assert work(settings, 60, 1.0) == []


def test_a_measurement_of_an_earlier_setting_is_not_kept(settings: Settings) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    late = next(draws(settings))
    change_percent(PART, 60, settings, reason="more", by="ann")
    assert note(settings, [Measured(late, "work", 1.0)]) == ()
    assert stand(PART, settings).enabled + stand(PART, settings).disabled == 0


@pytest.mark.parametrize("seconds", [0.0, float("inf"), float("nan")])
def test_what_has_no_duration_is_not_kept(settings: Settings, seconds: float) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    note(settings, [Measured(next(draws(settings)), "work", seconds)])
    assert stand(PART, settings).enabled + stand(PART, settings).disabled == 0


def test_the_flag_takes_it_from_all_and_nothing_is_measured(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    change_percent(PART, 50, settings, reason="a try", by="ann")
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_CROSS_NODE_OPT", "false")
    off = Settings()
    assert not any(draw.enabled for draw, _ in zip(draws(off), range(50), strict=False))
    assert work(off, 50, 2.0) == []
    assert stand(PART, off).window is None
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_CROSS_NODE_OPT", "true")
    assert any(draw.enabled for draw, _ in zip(draws(Settings()), range(50), strict=False))


def test_of_many_who_find_it_slower_at_once_one_retreats(settings: Settings) -> None:
    """Each has the last sample that is needed."""
    setting = change_percent(PART, 50, settings, reason="a try", by="ann")
    units = [draw for draw, _ in zip(draws(settings), range(400), strict=False)]
    with_it = iter([draw for draw in units if draw.enabled])
    without = iter([draw for draw in units if not draw.enabled])
    pairs = [(next(with_it), next(without)) for _ in range(40)]
    samples = [(Measured(one, "work", 2.0), Measured(other, "work", 1.0)) for one, other in pairs]
    for pair in samples[:9]:
        assert note(settings, pair) == ()
    with ThreadPoolExecutor(8) as pool:
        found = [each for some in pool.map(lambda pair: note(settings, pair), samples[9:17]) for each in some]
    assert len(found) == 1
    assert incidents(settings) == ["open"]
    with RolloutLog(settings.ledger) as log:
        assert [each.percent for each in log.history(PART)] == [0, 50]
        assert log.retreat(setting, reason="again", by="automatic", incident={}) is None


@pytest.mark.parametrize(("percent", "reason"), [(101, "more"), (-1, "less"), (50, "")])
def test_what_is_no_setting_is_refused(settings: Settings, percent: int, reason: str) -> None:
    with pytest.raises(LedgerError, match="a percentage from 0 to 100 and a reason"):
        change_percent(PART, percent, settings, reason=reason, by="ann")
