"""Which case explains which."""

import pytest

from strata.triage import Case, read_rules, triage
from tests.support.incidents import at, incident

RULES = read_rules()
DEAD = {"pipeline": "mesh", "kind": "dead member"}
SPLIT = {"pipeline": "mesh", "kind": "mesh in parts", "subject": "mesh"}
AWAY = {"pipeline": "mesh", "kind": "member not reachable from the coordinator"}


def explained(*incidents) -> dict[int, int | None]:
    found = triage(incidents, (), RULES, at(10_000_000))
    for case in found:
        assert all(by_number(found)[effect].cause == case.id for effect in case.effects)
    return {case.id: case.cause for case in found}


def by_number(found: tuple[Case, ...]) -> dict[int, Case]:
    return {case.id: case for case in found}


def test_a_dead_node_explains_its_failed_stages() -> None:
    assert explained(incident(1, 0, 1, **DEAD), incident(2, 0.5, 2)) == {1: None, 2: 1}
    assert explained(incident(1, 0, 1, subject="node-4", **DEAD), incident(2, 0.5, 2)) == {1: None, 2: None}


@pytest.mark.parametrize(
    ("failed", "dead", "ended", "cause"),
    [(0, 900, None, 2), (0, 901, None, None), (500, 100, 200, 2), (501, 100, 200, None), (10_000_000, 0, None, 2)],
)
def test_a_cause_may_be_seen_after_its_effect_and_lasts_for_a_while(failed, dead, ended, cause) -> None:
    assert explained(incident(1, failed, failed + 1), incident(2, dead, ended, **DEAD))[1] == cause


def test_a_partition_explains_whom_it_cuts_off_in_its_own_mesh_and_is_explained_by_a_death() -> None:
    away, other = incident(1, 0, mesh="a", **AWAY), incident(2, 1, mesh="b", **AWAY)
    split, dead = incident(3, 2, mesh="a", **SPLIT), incident(4, 3, mesh="a", subject="node-9", **DEAD)
    assert explained(away, other, split, dead) == {1: 3, 2: None, 3: 4, 4: None}


def test_a_regression_explains_the_rollback_and_a_damaged_model_only_where_there_is_none() -> None:
    model = {"pipeline": "evolution", "subject": "a" * 64}
    regression, damage = incident(1, 0, kind="regression", **model), incident(2, 0, kind="damaged model", **model)
    rollback = incident(3, 5, 6, kind="rollback", **model)
    assert explained(regression, damage, rollback)[3] == 1
    assert explained(damage, rollback)[3] == 2


def test_a_failed_run_is_explained_by_what_happened_in_it_if_that_is_no_trifle() -> None:
    run = {"pipeline": "evolution", "kind": "flow run failed", "subject": "evolution"}
    trifle = incident(1, 0, 1, pipeline="evolution", kind="fresh items", run="x")
    serious = incident(2, 0, pipeline="evolution", kind="memory budget", run="x")
    other = incident(3, 4, pipeline="evolution", kind="no child", subject="children", run="y")
    assert explained(trifle, serious, other, incident(4, 5, run="x", **run))[4] == 2
    assert explained(trifle, other, incident(4, 5, run="x", **run))[4] is None


def test_of_several_the_nearest_counts() -> None:
    far, near = incident(1, 0, 1, mesh="b", **DEAD), incident(2, 90, 95, mesh="a", **DEAD)
    assert explained(far, near, incident(3, 100))[3] == 2


def test_nothing_explains_itself_in_a_circle() -> None:
    crashed = incident(1, 0, pipeline="mesh", kind="flow run crashed", subject="mesh", run="x")
    failed = incident(2, 1, pipeline="mesh", kind="flow run failed", subject="mesh", run="x")
    assert sorted(filter(None, explained(crashed, failed).values())) in ([1], [2])
