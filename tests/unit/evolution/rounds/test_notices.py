"""Outcomes made incidents: pure, then in the log."""

from dataclasses import replace

import pytest

from strata.evolution.regression import Finding, Judgement, Overall, State, Verdict
from strata.evolution.rounds import Child
from strata.evolution.rounds.notices import (
    DRIFT,
    FAILED,
    FRESH,
    ITEMS,
    MEMORY,
    NO_CHILD,
    of_children,
    of_epoch,
    of_judgement,
    of_watch,
)
from strata.evolution.rounds.telling import settle, tell
from strata.store import IncidentLog
from tests.support.lineage import recipe_of

RECIPE = recipe_of(["a" * 64, "b" * 64]).to_json()


def children(*failures: str | None) -> list[Child]:
    return [Child(RECIPE, failure=kind, detail=kind and f"{kind} of {place}") for place, kind in enumerate(failures)]


def finding(domain: str, state: State = State.SOUND, items: int = 100, difference: float = 0.0) -> Finding:
    return Finding(domain, items, items, 0.5, 0.5 + difference, difference, -0.1, 0.1, 0.03, 1.0, 0.5, state, 0)


def judgement(verdict: Verdict, *findings: Finding, anchor=(), shifted=()) -> Judgement:
    overall = Overall(0.0, -0.1, 0.1, 1.0, False, 10)
    return Judgement(verdict, None, (), ("not better",), 100, findings, tuple(anchor), overall, shifted, 0.9, True)


def test_failures_make_one_notice_a_kind_however_many_children():
    found = of_children(3, children("worker-killed", None, "not-finite", "not-finite", None, "not-finite"))
    assert [(each.kind, each.subject, each.severity) for each in found] == [
        (FAILED, "generation 3, not-finite", "medium"),
        (FAILED, "generation 3, worker-killed", "low"),
    ]
    assert found[0].detail == "3 of 6 children: not-finite: not-finite of 2"
    assert found[0].figures["methods"] == {"linear": 3}
    assert found[0].response == "generation 3 went on without them"
    assert of_children(3, children(None, None)) == ()


@pytest.mark.parametrize(
    ("failures", "kinds"),
    [
        (("memory", "memory"), [MEMORY, NO_CHILD]),
        (("memory", None), [FAILED]),
        (("shapes", "parent"), [FAILED, FAILED, NO_CHILD]),
    ],
)
def test_a_budget_that_admits_no_merge_and_a_generation_without_children_last(failures, kinds):
    found = of_children(1, children(*failures))
    assert [each.kind for each in found] == kinds
    assert {each.kind for each in found if each.response is None} == {*kinds} - {FAILED}


def test_drift_is_seen_by_the_anchor_and_by_the_second_detector():
    dropped = finding("math", State.DROPPED, difference=-0.1)
    anchored = judgement(Verdict.INCONCLUSIVE, finding("coding"), anchor=[dropped])
    (found,) = of_judgement(2, "c" * 64, anchored, {"coding": 500}, "not promoted")
    assert (found.kind, found.subject, found.severity, found.response) == (DRIFT, "c" * 64, "medium", "not promoted")
    assert found.figures["anchor"] == ["math"]
    assert found.figures["domains"][0]["difference"] == -0.1
    shifted = judgement(Verdict.INCONCLUSIVE, finding("coding"), shifted=("coding",))
    (found,) = of_judgement(2, "c" * 64, shifted, {"coding": 500}, "not promoted")
    assert found.figures["shifted"] == ["coding"]
    assert of_judgement(2, "c" * 64, judgement(Verdict.PROMOTE, finding("coding")), {"coding": 100}, "") == ()


def test_a_champion_whose_scores_moved_down_stays_in_doubt():
    shifted = judgement(Verdict.INCONCLUSIVE, finding("coding"), shifted=("coding",))
    (found,) = of_watch(4, "c" * 64, shifted)
    assert (found.kind, found.severity, found.response) == (DRIFT, "high", None)
    assert of_watch(4, "c" * 64, replace(shifted, verdict=Verdict.REGRESS)) == ()


def test_a_budget_of_items_that_was_used_up_without_an_answer():
    spent = judgement(Verdict.INCONCLUSIVE, finding("coding", items=500), finding("math", items=400))
    (found,) = of_judgement(7, "c" * 64, spent, {"coding": 500, "math": 500}, "a person is asked")
    assert (found.kind, found.subject, found.figures["items"]) == (ITEMS, "generation 7", {"coding": 500})
    assert found.response == "a person is asked"
    regressed = judgement(Verdict.REGRESS, finding("coding", items=500))
    assert of_judgement(7, "c" * 64, regressed, {"coding": 500}, "") == ()


def test_fresh_items_run_out_every_32_generations():
    assert [number for number in range(100) if of_epoch(number)] == [32, 64, 96]
    (found,) = of_epoch(64)
    assert (found.kind, found.subject, found.figures["epoch"]) == (FRESH, "epoch 2", 2)


def test_nothing_is_told_twice_and_what_lasts_ends_with_its_cause(tmp_path):
    with IncidentLog(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as log:
        for _ in range(2):
            tell(log, of_children(1, children("memory", "memory")))
            tell(log, of_children(2, children("shapes", None)))
        assert [(each.kind, each.state) for each in log.recent()] == [
            (FAILED, "resolved"),
            (NO_CHILD, "open"),
            (MEMORY, "open"),
        ]
        settle(log, MEMORY, "generation 2 has children")
        settle(log, NO_CHILD, "generation 2 has children", "another subject")
        assert [each.kind for each in log.open_ones("evolution")] == [NO_CHILD]
        # The cause is back: an incident of its own.
        tell(log, of_children(3, children("memory")))
        assert [each.state for each in log.recent() if each.kind == MEMORY] == ["open", "resolved"]


def test_an_incident_that_a_killed_run_left_open_is_ended(tmp_path):
    with IncidentLog(f"sqlite:///{tmp_path / 'ledger.sqlite'}") as log:
        (notice,) = of_children(2, children("shapes", None))
        left = log.begin(pipeline="evolution", kind=notice.kind, subject=notice.subject, detail=notice.detail)
        tell(log, [notice])
        assert [(each.id, each.state) for each in log.recent()] == [(left, "resolved")]
