"""Circuit breakers against a plain model of them."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, precondition, rule

from strata.triage import Breaker, Breakers


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


def test_its_states_are_nygards() -> None:
    breaker = Breaker(failures=2, cool_down=5.0)
    assert breaker.state(0.0) == "closed"
    breaker.failed(0.0)
    assert breaker.state(0.0) == "closed"
    breaker.failed(1.0)
    assert [breaker.state(now) for now in (1.0, 5.9, 6.0)] == ["open", "open", "half-open"]
    assert [breaker.allows(6.0), breaker.allows(6.0), breaker.state(6.0)] == [True, False, "half-open"]
    breaker.succeeded()
    assert breaker.state(6.0) == "closed"
    assert [breaker.allows(6.0), breaker.allows(6.0)] == [True, True]


def test_asking_about_the_state_is_not_the_trial() -> None:
    breaker = Breaker(failures=1, cool_down=1.0)
    breaker.failed(0.0)
    assert [breaker.is_open(1.0), breaker.is_open(1.0), breaker.allows(1.0), breaker.is_open(1.0)] == [
        False,
        False,
        True,
        True,
    ]


def test_the_wait_begins_at_its_first_length_after_a_success() -> None:
    breaker = Breaker(failures=1, cool_down=1.0)
    for now in (0.0, 1.0, 3.0):
        breaker.failed(now)
    assert breaker.state(6.9) == "open"
    breaker.succeeded()
    breaker.failed(10.0)
    assert [breaker.state(10.9), breaker.state(11.0)] == ["open", "half-open"]


def test_of_too_many_the_one_that_failed_longest_ago_is_forgotten() -> None:
    breakers = Breakers(failures=1, most=2)
    for key in ("a", "b", "a", "c"):
        breakers.failed(key, 0.0)
    assert [breakers.state(key, 0.0) for key in "abc"] == ["open", "closed", "open"]


def test_what_never_failed_or_has_succeeded_since_takes_no_place() -> None:
    breakers = Breakers(failures=1, most=1)
    breakers.failed("a", 0.0)
    assert breakers.allows("b", 0.0)
    breakers.succeeded("b")
    assert breakers.is_open("a", 0.0)
    breakers.succeeded("a")
    assert len(breakers) == 0


def test_room_for_none_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 1"):
        Breakers(most=0)


FAILURES, COOL_DOWN, LONGEST, MOST = 2, 1.0, 6.0, 3


class BreakersAgainstTheWholeHistory(RuleBasedStateMachine):
    """The model keeps every event since the last success, and works each answer out of them anew."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0
        self.breakers = Breakers(FAILURES, COOL_DOWN, LONGEST, MOST)
        self.events: dict[str, list[tuple[str, float]]] = {}

    def replay(self, key: str) -> tuple[str, bool]:
        """State, and whether a trial is under way."""
        in_a_row, waits, until, trying = 0, 0, 0.0, False
        for kind, at in self.events.get(key, []):
            if kind == "trial":
                trying = True
                continue
            in_a_row += 1
            if (waits == 0 and in_a_row >= FAILURES) or (waits > 0 and at >= until):
                until, waits, trying = at + min(COOL_DOWN * 2**waits, LONGEST), waits + 1, False
        if waits == 0:
            return "closed", False
        return ("open" if self.now < until else "half-open"), trying

    keys = st.sampled_from("abcde")

    @rule(seconds=st.sampled_from([0.25, 0.5, 1.0, 4.0]))
    def wait(self, seconds: float) -> None:
        self.now += seconds

    @rule(key=keys)
    def ask(self, key: str) -> None:
        state, trying = self.replay(key)
        allowed = state == "closed" or (state == "half-open" and not trying)
        assert self.breakers.is_open(key, self.now) is not allowed
        assert self.breakers.allows(key, self.now) is allowed
        if allowed and state == "half-open":
            self.events[key].append(("trial", self.now))

    @rule(key=keys)
    def fail(self, key: str) -> None:
        self.breakers.failed(key, self.now)
        mine = [*self.events.pop(key, []), ("failure", self.now)]
        if len(self.events) == MOST:
            del self.events[next(iter(self.events))]
        self.events[key] = mine

    @rule(key=keys)
    def succeed(self, key: str) -> None:
        self.breakers.succeeded(key)
        self.events.pop(key, None)

    @precondition(lambda self: self.events)
    @rule()
    def cool_down(self) -> None:
        self.now += LONGEST
        for key in self.events:
            assert self.breakers.state(key, self.now) != "open"

    @invariant()
    def states_agree(self) -> None:
        assert len(self.breakers) == len(self.events) <= MOST
        for key in "abcde":
            assert self.breakers.state(key, self.now) == self.replay(key)[0]


TestBreakersAgainstTheWholeHistory = BreakersAgainstTheWholeHistory.TestCase


def test_it_says_how_long_it_rests() -> None:
    breaker = Breaker(failures=2, cool_down=5.0)
    breaker.failed(0.0)
    assert breaker.rest(0.0) == 0.0
    breaker.failed(1.0)
    assert (breaker.rest(1.0), breaker.rest(5.5), breaker.rest(7.0)) == (5.0, 0.5, 0.0)
    breaker.failed(7.0)
    assert breaker.rest(7.0) == 10.0
    breaker.succeeded()
    assert breaker.rest(7.0) == 0.0
