"""What is one case, how it stands, and what it is worth."""

import pytest

from strata.triage import Case, read_rules, triage
from tests.support.incidents import at, decision, incident

RULES = read_rules()
QUIET = RULES.of("inference", "stage failed").quiet
LAPSE = RULES.of("inference", "stage failed").lapse


def cases(*incidents, decisions=(), now: float = 10 * LAPSE) -> tuple[Case, ...]:
    return triage(incidents, decisions, RULES, at(now))


def test_a_case_says_all_that_is_known() -> None:
    (case,) = cases(incident(7, 0, 5, seconds=0.5))
    assert (case.id, case.pipeline, case.kind, case.subject) == (7, "inference", "stage failed", "node-3")
    assert (case.state, case.severity, case.count, case.openings) == ("resolved", "medium", 1, 1)
    assert (case.first, case.last, case.since, case.changed, case.ended) == (at(0), at(0), at(0), at(5), at(5))
    assert (case.detail, case.response) == ("its link ended", "its layers moved")
    assert "layers are moved" in case.playbook.automatic
    assert case.playbook.steps


@pytest.mark.parametrize(("begun", "numbers"), [(4, [1]), (5 + QUIET, [1]), (5.1 + QUIET, [1, 2])])
def test_the_same_is_one_case_while_it_lasts_and_for_a_while_after(begun: float, numbers: list[int]) -> None:
    found = cases(incident(1, 0, 5), incident(2, begun))
    assert [case.id for case in found] == numbers
    assert sum(case.count for case in found) == 2


def test_one_that_lasts_takes_in_what_begins_meanwhile_and_after_a_shorter_one() -> None:
    long, short, later = incident(1, 0, 10_000), incident(2, 10, 20), incident(3, 11_000)
    (case,) = cases(long, short, later)
    assert (case.incidents, case.unended, case.openings) == ((1, 2, 3), (3,), 2)


def test_another_subject_kind_pipeline_or_mesh_is_another_case() -> None:
    dead = {"pipeline": "mesh", "kind": "dead member"}
    found = cases(
        incident(1, 0), incident(2, 1, subject="node-4"), incident(3, 2, kind="memory leak"),
        incident(4, 3, mesh="a", **dead), incident(5, 4, mesh="b", **dead), incident(6, 5, mesh="a", **dead),
    )  # fmt: skip
    assert [case.incidents for case in found] == [(1,), (2,), (3,), (4, 6), (5,)]


def test_it_is_over_when_all_have_ended() -> None:
    assert cases(incident(1, 0, 5), incident(2, 1))[0].state == "open"
    assert cases(incident(1, 0, 5), incident(2, 1, 4))[0].ended == at(5)


def test_what_happens_again_opens_it_again() -> None:
    (case,) = cases(incident(1, 0, 5), incident(2, 10))
    assert (case.state, case.openings, case.since, case.ended) == ("open", 2, at(10), None)


def test_what_nothing_helped_against_is_open_until_it_lapses() -> None:
    given_up = incident(1, 0, 5, abandoned=True)
    (case,) = cases(given_up, now=5 + LAPSE - 1)
    assert (case.state, case.severity, case.ended) == ("open", "high", at(5))
    (case,) = cases(given_up, now=5 + LAPSE)
    assert (case.state, case.changed) == ("resolved", at(5 + LAPSE))
    (case,) = cases(given_up, incident(2, 5 + LAPSE, 6 + LAPSE))
    assert (case.state, case.count, case.openings) == ("resolved", 2, 1), "something helped in the end"


def test_an_acknowledged_case_stays_so_until_it_is_over() -> None:
    said = decision(1, 1, "acknowledged", 3)
    (case,) = cases(incident(1, 0), decisions=[said])
    assert (case.state, case.changed, case.decisions) == ("acknowledged", at(3), (said,))
    assert cases(incident(1, 0, 5), decisions=[said])[0].state == "resolved"
    (case,) = cases(incident(1, 0, 5), incident(2, 6), decisions=[said])
    assert case.state == "open", "nobody is at what has happened since"


def test_a_person_resolves_it_and_an_occurrence_after_that_opens_it_again() -> None:
    said = decision(1, 1, "resolved", 3)
    (case,) = cases(incident(1, 0), decisions=[said])
    assert (case.state, case.changed, case.ended) == ("resolved", at(3), at(3))
    (case,) = cases(incident(1, 0), incident(2, 2), decisions=[said])
    assert (case.state, case.openings) == ("resolved", 1)
    (case,) = cases(incident(1, 0), incident(2, 4), decisions=[said])
    assert (case.state, case.openings, case.since) == ("open", 2, at(4))


def test_the_latest_decision_counts_and_those_about_others_do_not() -> None:
    said = [decision(1, 1, "acknowledged", 1), decision(2, 1, "resolved", 2), decision(3, 9, "acknowledged", 3)]
    assert cases(incident(1, 0), decisions=said)[0].state == "resolved"


def test_severity_is_the_rules_or_the_incidents_own_and_grows() -> None:
    assert cases(incident(1, 0, kind="memory leak"))[0].severity == "medium"
    assert cases(incident(1, 0, kind="memory leak", severity="low"))[0].severity == "low"
    assert cases(incident(1, 0, severity="bad"))[0].severity == "medium"
    assert cases(*(incident(number, number) for number in (1, 2)))[0].severity == "medium"
    assert cases(*(incident(number, number) for number in (1, 2, 3)))[0].severity == "high"
    assert cases(incident(1, 0, 1, abandoned=True))[0].severity == "high"


def test_a_step_names_the_case() -> None:
    (case,) = cases(incident(41, 0, pipeline="evolution", kind="regression"))
    assert any("--incident 41" in step for step in case.playbook.steps)


def test_machines_get_plain_data() -> None:
    said = decision(1, 1, "acknowledged", 3)
    (case,) = cases(*(incident(number, number) for number in range(1, 80)), decisions=[said])
    told = case.to_json()
    assert told["incidents"] == list(range(30, 80))
    assert (told["first"], told["ended"]) == (at(1).isoformat(), None)
    assert told["decisions"][0] == {
        "state": "acknowledged", "by": "Ada", "reason": "the disk was full", "decided": at(3).isoformat()
    }  # fmt: skip
