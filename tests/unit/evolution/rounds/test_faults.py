"""What breaks between the steps of a generation: each is found, told of, and does not end the evolution."""

import json
from dataclasses import replace

import pytest

from strata.evolution.lineage import Championship
from strata.evolution.lineage import Child as LineageChild
from strata.evolution.merge import MergeFailed
from strata.evolution.regression import GatePolicy, Verdict
from strata.evolution.rounds import guard_champion
from strata.evolution.rounds.rounds import MOST_ATTEMPTS
from strata.store import BlobCorrupt
from tests.support.lineage import spoil
from tests.unit.evolution.rounds.conftest import World, skills


def begun(world: World, *children):
    world.children = list(children)
    rounds = world.rounds()
    rounds.crown([world.founders["one"]])
    return rounds, rounds.begin()


def end(rounds, number: int):
    judgement = rounds.judge(number)
    rounds.promote(number, judgement)
    return rounds.conclude(number, judgement)


def told(world: World, kind: str):
    return [each for each in world.parts.incidents.recent("evolution", 100) if each.kind == kind]


def test_children_of_a_damaged_parent_are_tried_again_once_it_is_mended(world: World):
    rounds, number = begun(world, skills(0.7), skills(0.62))
    mended = []

    def breed(recipes):
        for recipe, outcome in zip(recipes, list(world.breed(recipes)), strict=True):
            yield outcome if mended else MergeFailed(recipe.digest, "parent", "blob 00 is corrupt")

    def mend():
        mended.append(world.founders["two"])
        return mended

    rounds._breed, rounds._mend = breed, mend
    assert [child.failure for child in rounds.breed(number)] == [None, None]
    assert end(rounds, number).ending == "promoted"
    assert len(mended) == 1


def test_where_no_parent_can_be_mended_the_children_have_failed(world: World):
    rounds, number = begun(world, skills(0.7))
    rounds._breed = lambda recipes: [MergeFailed(recipe.digest, "parent", "corrupt") for recipe in recipes]
    assert [child.failure for child in rounds.breed(number)] == ["parent"]
    assert end(rounds, number).ending == "failed"
    (none,) = told(world, "no child")
    assert (none.state, none.figures["severity"]) == ("open", "high")
    # It ends with the first generation that has one.
    rounds, number = begun(world, skills(0.7))
    assert end(rounds, number).ending == "promoted"
    assert [each.state for each in told(world, "no child")] == ["resolved"]


def test_a_damaged_child_costs_itself_only(world: World):
    rounds, number = begun(world, skills(0.8), skills(0.7))
    first, _ = rounds.breed(number)
    spoil(world.store, first.model)
    assert [child.failure for child in rounds.examine(number)] == ["damaged", None]
    assert end(rounds, number).ending == "promoted"
    assert told(world, "failed children")[0].figures["failure"] == "damaged"


@pytest.mark.parametrize("before", ["examine", "judge"])
def test_a_damaged_child_that_can_be_made_again_costs_nothing(world: World, before: str):
    rounds, number = begun(world, skills(0.7))
    if before == "judge":
        rounds.examine(number)
        world.parts.examiner.forget()  # as in a process that took the generation up
    (child,) = rounds.breed(number)
    spoil(world.store, child.model)
    made = []

    def merge(recipe):
        made.append(recipe)
        return LineageChild(world.put(skills(0.7)), "test")

    with Championship(world.store, world.ledger, merge=merge) as championship:
        rounds._championship = championship
        assert end(rounds, number).ending == "promoted"
    assert len(made) == 1
    assert [each.response for each in told(world, "damaged model")] == ["made again from its recipe, bit for bit"]


def test_a_fault_of_the_machine_is_held_against_no_child(world: World, monkeypatch: pytest.MonkeyPatch):
    rounds, number = begun(world, skills(0.7))
    rounds.breed(number)

    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(world.parts.examiner, "examine", full)
        with pytest.raises(OSError, match="No space"):
            rounds.examine(number)
    assert [child.failure for child in world.rounds().examine(number)] == [None]


def test_a_damaged_record_of_the_children_begins_the_generation_anew(world: World):
    rounds, number = begun(world, skills(0.7), skills(0.62))
    before = [child.recipe for child in rounds.examine(number)]
    blob = world.store.layout.blob(world.store.ref("evolution-children", str(number)).digest)
    blob.write_bytes(b"rot")
    again = world.rounds()
    assert [child.recipe for child in again.examine(number)] == before
    assert end(again, number).ending == "promoted"
    assert told(world, "damaged model")[0].subject == f"children of generation {number}"


def test_a_damaged_state_of_the_search_is_learnt_again(world: World):
    for _ in range(2):
        rounds, number = begun(world, skills(0.5), skills(0.52))
        end(rounds, number)
    state = world.parts.generations.latest_strategy()
    sound = world.store.read(state)
    world.store.layout.blob(state).write_bytes(b"rot")
    rounds, number = begun(world, skills(0.5), skills(0.52))
    rounds.propose(number)
    assert world.store.read(state) == sound
    assert len(json.loads(sound)["trials"]) == 4
    (incident,) = told(world, "damaged model")
    assert (incident.subject, incident.response) == (state, "learnt again from the children's scores")


def test_the_search_learns_nothing_of_children_it_did_not_ask_for(world: World):
    rounds, number = begun(world, skills(0.5), skills(0.52))
    rounds.examine(number)
    other = world.rounds()
    other.demands = replace(other.demands, seed=5)  # the same run again, in another way
    end(other, number)
    assert json.loads(world.store.read(world.parts.generations.latest_strategy()))["trials"] == []


def test_a_generation_that_was_cut_off_is_told_of_and_given_up_after_so_many(world: World):
    rounds, number = begun(world, skills(0.7))
    rounds.breed(number)
    for attempt in range(1, MOST_ATTEMPTS + 1):
        assert world.rounds().begin() == number
        latest = told(world, "interrupted generation")[0]
        assert (latest.state, latest.figures["attempts"], latest.figures["bred"]) == ("resolved", attempt, 1)
    assert world.rounds().begin() == number + 1
    assert world.parts.generations.find(number).state == "failed"
    assert told(world, "interrupted generation")[0].response.startswith("given up")


def test_a_generation_whose_champion_is_lost_is_given_up(world: World):
    rounds, number = begun(world, skills(0.7))
    rounds.propose(number)
    world.parts.championship.promote(world.founders["two"], expected=world.founders["one"], reason="by hand")
    spoil(world.store, world.founders["one"])
    again = world.rounds()
    assert again.begin() == number + 1
    assert "its champion is lost" in told(world, "interrupted generation")[0].response


def test_nobody_is_promoted_in_the_place_of_one_who_came_meanwhile(world: World):
    rounds, number = begun(world, skills(0.7))
    judgement = rounds.judge(number)
    assert judgement.verdict is Verdict.PROMOTE
    world.parts.championship.promote(world.founders["two"], expected=world.founders["one"], reason="by hand")
    assert rounds.promote(number, judgement) is None
    assert rounds.conclude(number, judgement).ending == "kept"


def test_who_was_rolled_back_for_a_regression_is_not_promoted_again(world: World):
    rounds, number = begun(world, skills(0.7))
    judgement = rounds.judge(number)
    change = rounds.promote(number, judgement)
    world.parts.championship.rollback(reason="worse", kind="regression", expected=change.digest)
    # Killed here, and taken up.
    again = world.rounds()
    assert again.promote(again.begin(), judgement) is None
    assert again.conclude(number, judgement).ending == "kept"
    assert world.parts.championship.standing().digest == world.founders["one"]


def test_a_candidate_that_is_damaged_before_its_promotion_stays_out(world: World):
    rounds, number = begun(world, skills(0.7))
    judgement = rounds.judge(number)
    spoil(world.store, world.put(skills(0.7)))
    with pytest.raises(BlobCorrupt):
        rounds.promote(number, judgement)
    assert world.parts.championship.standing().digest == world.founders["one"]


def test_the_guard_rolls_a_champion_back_that_was_promoted_past_the_gate(world: World):
    rounds, number = begun(world, skills(0.7))
    end(rounds, number)
    before = world.parts.championship.standing().digest
    planted = world.put(skills(0.7, coding=0.5))
    world.parts.championship.promote(planted, expected=before, reason="by mistake")
    parts, policy = world.parts, rounds.demands.policy
    watched, done = guard_champion(parts.examiner, policy, parts.championship, parts.incidents, generation=number + 1)
    assert watched.judgement.affected == ("coding",)
    assert (done.left, done.target, parts.championship.standing().kind) == (planted, before, "regression")
    (incident,) = told(world, "regression")
    assert (incident.state, incident.figures["severity"]) == ("resolved", "high")
    _, nothing = guard_champion(parts.examiner, policy, parts.championship, parts.incidents, generation=number + 2)
    assert nothing is None


def test_children_are_released_and_collected(world: World, monkeypatch: pytest.MonkeyPatch):
    collected = []
    monkeypatch.setattr(world.store, "gc", lambda **given: collected.append(given["roots"]))
    rounds, number = begun(world, skills(0.7))
    end(rounds, number)
    assert len(collected) == 1
    assert world.put(skills(0.7)) in collected[0]


def test_items_that_ran_out_before_it_was_clear_are_told_of(world: World):
    rounds, number = begun(world, skills(0.6))
    rounds.demands = replace(rounds.demands, policy=GatePolicy(most_items=200))
    assert end(rounds, number).ending == "proposed"
    (incident,) = told(world, "item budget")
    assert (incident.subject, incident.state, incident.figures["severity"]) == (
        f"generation {number}",
        "resolved",
        "low",
    )
    assert set(incident.figures["items"]) <= {"coding", "math", "reasoning", "language"}
    assert incident.response == "it was not promoted; a person is asked"


def test_the_first_generation_without_fresh_items_is_told_of(world: World):
    log = world.parts.generations
    for _ in range(31):
        log.finish(log.begin(world.founders["one"]), "kept", {})
    rounds, number = begun(world, skills(0.7))
    assert number == 32
    assert told(world, "fresh items")[0].subject == "epoch 1"
    assert end(rounds, number).ending == "promoted"
    rounds.begin()
    assert len(told(world, "fresh items")) == 1
