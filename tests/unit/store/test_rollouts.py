"""Rollouts in the ledger: the newest setting counts, samples belong to one, and a retreat is all or nothing."""

import pytest

from strata.store import IncidentLog, RolloutLog, RolloutSample

INCIDENT = {"pipeline": "rollout", "kind": "slower", "detail": "in 9 of 9 pairs", "figures": {"pairs": 9}}


def sample(unit: int, enabled: bool) -> RolloutSample:
    return RolloutSample(f"run-{unit}", "work", enabled, unit / 8)


def test_the_newest_setting_of_a_part_counts(any_url: str) -> None:
    with RolloutLog(any_url) as log:
        assert log.standing("a") is None
        first = log.begin("a", 10, reason="a try", by="ann")
        other = log.begin("b", 50, reason="a try", by="ann")
        second = log.begin("a", 30, reason="more", by="ann")
        assert log.standing("a") == second
        assert log.standing("b") == other
        assert log.history() == (second, other, first)
        assert log.history("a", limit=1) == (second,)


def test_samples_are_those_of_one_setting_in_order(any_url: str) -> None:
    with RolloutLog(any_url) as log:
        first = log.begin("a", 50, reason="a try", by="ann")
        log.add(first, [sample(number, number % 3 == 0) for number in range(10)])
        log.add(first, [])
        second = log.begin("a", 60, reason="more", by="ann")
        log.add(second, [sample(10, True)])
        assert (log.counts(first), log.counts(second)) == ((4, 6), (1, 0))
        assert [each.unit for each in log.samples(first, skip=2, most=3)] == ["run-2", "run-3", "run-4"]
        assert log.samples(first, skip=3, most=1) == (sample(3, True),)
        assert log.samples(second, skip=0, most=100) == (sample(10, True),)


def test_a_retreat_is_a_setting_and_an_incident_or_neither(any_url: str) -> None:
    with RolloutLog(any_url) as log:
        setting = log.begin("a", 50, reason="a try", by="ann")
        with pytest.raises(Exception, match="kind"):
            log.retreat(setting, reason="slower", by="automatic", incident={"pipeline": "rollout"})
        assert log.standing("a") == setting
        number = log.retreat(setting, reason="slower", by="automatic", incident=INCIDENT)
        assert (log.standing("a").percent, log.standing("a").by) == (0, "automatic")
        assert log.retreat(setting, reason="slower", by="automatic", incident=INCIDENT) is None
        (incident,) = IncidentLog(log).open_ones("rollout")
    assert (incident.id, incident.subject, incident.response) == (number, "a", "slower")
    assert incident.figures == {"pairs": 9}
