"""What is shown of the optimiser's decision."""

import json

from strata.inference.rebalance.decide import Judgement, Move, Stay, decide
from strata.inference.report.moves import move_document, move_rows, move_sentence
from strata.inference.run.measuring import Reading
from strata.inference.run.rebalancing import Rebalanced
from tests.support.situations import situation

READING = Reading((), {}, 8, 100, None)


def decided(speed: dict[str, float]) -> Rebalanced:
    decision = decide(situation(speed=speed))
    return Rebalanced(decision.before, decision, READING)


def test_a_slow_node_is_seen_to_lose_layers() -> None:
    done = decided({"n1": 4.0})
    assert isinstance(done.decision, Move)
    rows = {row["node"]: row for row in move_rows(done)}
    assert rows["n1"]["measured"] == "12.0 ms"
    assert rows["n1"]["layers after"] != rows["n1"]["layers"] == "3-5"
    said = move_sentence(done, dry_run=True)
    assert said.startswith("Would move layers: ")
    assert "12.0 ms between two steps" in said


def test_layers_that_stay_have_no_column_for_after() -> None:
    done = decided({})
    assert isinstance(done.decision, Stay)
    assert all(set(row) == {"node", "layers", "measured"} for row in move_rows(done))
    assert move_sentence(done, dry_run=False).startswith("Nothing moves: ")


def test_a_move_that_was_undone_is_said_to_be() -> None:
    done = decided({"n1": 4.0})
    undone = Rebalanced(done.plan, done.decision, READING, READING, Judgement(False, "no gain"), 0.5)
    assert move_sentence(undone, dry_run=False).endswith("It was undone: no gain.")


def test_programs_get_all_of_it() -> None:
    document = json.loads(json.dumps(move_document(decided({"n1": 4.0}), dry_run=True)))
    assert (document["decision"], document["dry_run"]) == ("move", True)
    assert document["predicted_step_seconds"] < document["step_seconds"]
    assert [stage["node"] for stage in document["stages"]] == ["n0", "n1", "n2", "n3"]
    assert document["cost"]["bytes_sent"] > 0
