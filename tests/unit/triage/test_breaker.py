"""Circuit breakers against a plain model of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.triage import Breakers


def test_it_opens_after_failures_in_a_row_and_lets_one_trial_through_when_it_has_cooled_down() -> None:
    breakers = Breakers(failures=2, cool_down=5.0)
    breakers.failed("a", 0.0)
    assert breakers.allows("a", 0.0)
    breakers.failed("a", 1.0)
    assert not breakers.allows("a", 5.9)
    assert breakers.allows("b", 5.9)
    assert breakers.allows("a", 6.0)
    assert not breakers.allows("a", 6.0)  # the trial is under way


def test_a_failed_trial_doubles_the_wait_up_to_the_longest() -> None:
    breakers = Breakers(failures=1, cool_down=2.0, longest=5.0)
    now, waits = 0.0, []
    breakers.failed("a", now)
    for _ in range(4):
        opened = now
        while not breakers.allows("a", now):
            now += 0.5
        waits.append(now - opened)
        breakers.failed("a", now)
    assert waits == [2.0, 4.0, 5.0, 5.0]


def test_a_success_closes_it() -> None:
    breakers = Breakers(failures=2, cool_down=5.0)
    breakers.failed("a", 0.0)
    breakers.succeeded("a")
    breakers.failed("a", 0.0)
    assert not breakers.is_open("a", 0.0)


def test_late_failures_of_those_who_had_begun_before_do_not_lengthen_the_wait() -> None:
    breakers = Breakers(failures=1, cool_down=5.0)
    breakers.failed("a", 0.0)
    breakers.failed("a", 4.0)
    assert not breakers.is_open("a", 5.0)


@pytest.mark.parametrize("arguments", [{"failures": 0}, {"cool_down": 0.0}, {"cool_down": 9.0, "longest": 8.0}])
def test_senseless_settings_are_refused(arguments: dict) -> None:
    with pytest.raises(ValueError, match="breaker"):
        Breakers(**arguments)


@given(st.lists(st.tuples(st.sampled_from(["ask", "fail", "succeed"]), st.floats(0, 10)), max_size=40))
def test_however_it_goes_nobody_is_shut_out_for_longer_than_the_longest(events: list[tuple[str, float]]) -> None:
    breakers, now, tried = Breakers(failures=2, cool_down=1.0, longest=8.0), 0.0, False
    for kind, wait in events:
        now += wait
        if kind == "ask":
            tried = breakers.allows("a", now) or tried
        elif kind == "fail":
            breakers.failed("a", now)
            tried = False
        else:
            breakers.succeeded("a")
            assert breakers.allows("a", now)
            tried = False
    if not tried:
        assert breakers.allows("a", now + 8.0)
