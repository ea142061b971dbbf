"""What holds for cases of any log: as it grows they keep their numbers, and nothing is lost, doubled or in a circle."""

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st

from strata.store import Incident
from strata.triage import Case, read_rules, triage
from tests.support.incidents import at, decision, incident

RULES = read_rules()
KINDS = [
    ("inference", "stage failed"), ("inference", "flow run failed"), ("inference", "flow run crashed"),
    ("mesh", "dead member"), ("mesh", "mesh in parts"), ("mesh", "member not reachable from the coordinator"),
]  # fmt: skip


@st.composite
def histories(draw: st.DrawFn) -> list[tuple[float, list[Incident]]]:
    """A log at every moment at which it changed: an incident was begun, or one was ended."""
    now, log, moments = 0.0, list[Incident](), list[tuple[float, list[Incident]]]()
    for _ in range(draw(st.integers(1, 25))):
        now += draw(st.sampled_from([0.0, 1.0, 600.0, 1800.0, 1801.0, 7200.0, 200_000.0, 700_000.0]))
        unended = [index for index, each in enumerate(log) if each.ended is None]
        if unended and draw(st.booleans()):
            index = draw(st.sampled_from(unended))
            log[index] = replace(log[index], ended=at(now), state=draw(st.sampled_from(["resolved", "abandoned"])))
        else:
            pipeline, kind = draw(st.sampled_from(KINDS))
            named = {"subject": draw(st.sampled_from("ab")), "mesh": "m", "run": draw(st.sampled_from("xy"))}
            log.append(incident(len(log) + 1, now, pipeline=pipeline, kind=kind, **named))
        moments.append((now, list(log)))
    return moments


def members(cases: tuple[Case, ...]) -> dict[int, set[int]]:
    return {case.id: set(case.incidents) for case in cases}


@settings(max_examples=200, deadline=None)
@given(histories())
def test_as_the_log_grows_a_case_keeps_its_number_and_what_it_has(moments: list[tuple[float, list[Incident]]]) -> None:
    before: dict[int, set[int]] = {}
    for now, log in moments:
        found = members(triage(log, (), RULES, at(now)))
        assert all(number in found and has <= found[number] for number, has in before.items())
        before = found


@settings(max_examples=200, deadline=None)
@given(histories())
def test_the_cases_of_a_beginning_of_the_log_keep_their_numbers(moments: list[tuple[float, list[Incident]]]) -> None:
    now, log = moments[-1]
    whole = members(triage(log, (), RULES, at(now)))
    for length in range(len(log)):
        assert members(triage(log[:length], (), RULES, at(now))).keys() <= whole.keys()


@settings(max_examples=200, deadline=None)
@given(histories(), st.randoms(use_true_random=False))
def test_every_incident_is_in_one_case_whatever_the_order_it_is_read_in(moments, random) -> None:
    now, log = moments[-1]
    cases = triage(log, (), RULES, at(now))
    assert sorted(number for case in cases for number in case.incidents) == [each.id for each in log]
    assert all(case.id == min(case.incidents) for case in cases)
    shuffled = list(log)
    random.shuffle(shuffled)
    assert triage(shuffled, (), RULES, at(now)) == cases


@settings(max_examples=200, deadline=None)
@given(histories())
def test_causes_are_never_a_circle(moments: list[tuple[float, list[Incident]]]) -> None:
    now, log = moments[-1]
    causes = {case.id: case.cause for case in triage(log, (), RULES, at(now))}
    for start in causes:
        number, steps = start, 0
        while (number := causes[number]) is not None:
            steps += 1
            assert steps < len(causes)


@settings(max_examples=200, deadline=None)
@given(histories(), st.lists(st.tuples(st.sampled_from(["acknowledged", "resolved"]), st.floats(0, 1e6)), max_size=4))
def test_a_case_is_over_when_all_of_it_has_ended_well_and_open_when_something_began_since(moments, said) -> None:
    now, log = moments[-1]
    first = log[0].id
    said.sort(key=lambda each: each[1])
    decisions = [decision(number, first, state, seconds) for number, (state, seconds) in enumerate(said, 1)]
    for case in triage(log, decisions, RULES, at(now)):
        mine = [each for each in log if each.id in case.incidents]
        if all(each.state == "resolved" for each in mine):
            assert case.state == "resolved"
        if case.state == "resolved" and any(each.ended is None for each in mine):
            assert (case.id, case.decisions[-1].state) == (first, "resolved")
            assert case.decisions[-1].decided >= max(each.started for each in mine)
        assert case.since >= case.first
        assert 1 <= case.openings <= case.count
