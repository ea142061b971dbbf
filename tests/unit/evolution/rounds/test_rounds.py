"""A generation over models that are nothing but skills: what each step does, and that none does it twice."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from strata.evolution.evaluate import AnswerCache
from strata.evolution.history import gains
from strata.evolution.regression import Verdict
from strata.evolution.rounds import Child, Examiner, best, import_history, watch_champion
from strata.evolution.suites import Suite
from tests.unit.evolution.history import runs
from tests.unit.evolution.rounds.conftest import Numbered, World, load, skills


def generation(world: World, *, manual: bool = False):
    rounds = world.rounds(manual=manual)
    rounds.crown([world.founders["one"], world.founders["two"]])
    number = rounds.begin()
    judgement = rounds.judge(number)
    rounds.promote(number, judgement)
    return rounds.conclude(number, judgement), judgement


def champion(world: World) -> str:
    standing = world.parts.championship.standing()
    assert standing is not None
    return standing.digest


def test_a_better_child_becomes_champion(world: World):
    world.children = [skills(0.62), skills(0.7), skills(0.4)]
    ended, judgement = generation(world)
    assert judgement.verdict is Verdict.PROMOTE
    assert ended.ending == "promoted"
    assert champion(world) == ended.champion == ended.candidate == world.put(skills(0.7))
    assert ended.champion_fitness == pytest.approx(0.7, abs=0.1)
    (found,) = world.parts.generations.recent()
    assert (found.state, found.champion) == ("promoted", world.founders["one"])


def test_a_child_that_is_worse_somewhere_does_not(world: World):
    world.children = [skills(0.8, math=0.45)]
    ended, judgement = generation(world)
    assert (judgement.verdict, judgement.affected) == (Verdict.REGRESS, ("math",))
    assert ended.ending == "kept"
    assert champion(world) == world.founders["one"]


def test_a_child_that_is_as_good_waits_for_a_person(world: World):
    world.children = [skills(0.6)]
    ended, judgement = generation(world)
    assert (judgement.verdict, ended.ending) == (Verdict.INCONCLUSIVE, "proposed")
    assert champion(world) == world.founders["one"]
    assert ended.approval is not None
    assert world.parts.championship.approve(ended.approval, "a person").digest == world.put(skills(0.6))


def test_in_manual_mode_nothing_is_promoted_without_approval(world: World):
    world.children = [skills(0.7)]
    ended, judgement = generation(world, manual=True)
    assert (judgement.verdict, ended.ending) == (Verdict.PROMOTE, "proposed")
    assert champion(world) == world.founders["one"]


def test_a_failed_merge_costs_its_child_only(world: World):
    world.children = ["killed by hand", skills(0.7)]
    ended, _ = generation(world)
    assert ended.ending == "promoted"
    (incident,) = world.parts.incidents.recent("evolution")
    assert (incident.kind, incident.subject) == ("failed children", "generation 1, worker-killed")
    assert (incident.state, incident.response) == ("resolved", "generation 1 went on without it")
    assert incident.detail == "1 of 2 children: worker-killed: killed by hand"
    assert (incident.figures["severity"], incident.figures["failure"]) == ("medium", "worker-killed")


def test_without_any_child_the_champion_stays(world: World):
    world.children = ["killed by hand"]
    ended, judgement = generation(world)
    assert (judgement, ended.ending, ended.candidate) == (None, "failed", None)
    assert champion(world) == world.founders["one"]


def test_a_generation_that_was_cut_off_goes_on_where_it_was(world: World):
    world.children = [skills(0.62), skills(0.7)]
    rounds = world.rounds()
    rounds.crown([world.founders["one"]])
    number = rounds.begin()
    recipes = [child.recipe for child in rounds.breed(number)]

    again = world.rounds()
    assert again.begin() == number
    judgement = again.judge(number)
    again.promote(number, judgement)
    # Killed between the promotion and the end of the generation.
    last = world.rounds()
    assert last.promote(last.begin(), last.judge(number)).digest == world.put(skills(0.7))
    assert last.conclude(number, judgement).ending == "promoted"
    assert [child.recipe for child in last.examine(number)] == recipes
    assert world.bred[0] == 2
    assert sum(world.bred) == 2
    assert last.begin() == number + 1


def test_the_search_learns_and_never_repeats_a_recipe(world: World):
    world.children = [skills(0.5), "killed", skills(0.52)]
    first, _ = generation(world)
    state = json.loads(world.store.read(world.parts.generations.latest_strategy()))
    assert [trial["scores"] is None for trial in state["trials"]] == [False, True, False]
    rounds = world.rounds()
    before = {child.recipe for child in rounds.examine(first.generation)}
    assert before.isdisjoint(child.recipe for child in rounds.propose(rounds.begin()))


def test_another_strategy_begins_anew(world: World):
    world.children = [skills(0.5), skills(0.52)]
    generation(world)
    rounds = world.rounds(strategy="genetic")
    assert len(rounds.propose(rounds.begin())) == 2


def test_the_search_learns_from_imported_histories(world: World, tmp_path: Path):
    def history(name: str, seed: int) -> Path:
        path = tmp_path / name
        path.write_text(json.dumps(runs.run(seed)))
        return path

    def rewards() -> dict[str, int]:
        state = json.loads(world.store.read(world.parts.generations.latest_strategy()))
        return {technique: len(values) for technique, values in state["rewards"].items()}

    world.children = [skills(0.5)]
    first = import_history(world.store, history("first.json", 1))
    generation(world)
    known = {technique: len(values) for technique, values in gains(first).items()}
    assert rewards() == known
    second = import_history(world.store, history("second.json", 2))
    generation(world)
    assert sum(rewards().values()) == sum(known.values()) + sum(map(len, gains(second).values()))
    assert len(json.loads(world.store.read(world.parts.generations.latest_strategy()))["trials"]) == 2


def test_domains_of_one_s_own_count_alike_and_begin_a_search_of_their_own(world: World, tmp_path: Path):
    world.children = [skills(0.5)]
    generation(world)
    suites = {domain: Suite("numbers", "1", domain, (Numbered(domain),)) for domain in ("cooking", "law")}
    with Examiner(world.store, suites, AnswerCache(tmp_path / "own.sqlite"), load) as examiner:
        world.parts = replace(world.parts, examiner=examiner)
        better = {"cooking": 0.9, "law": 0.7}
        old, new = world.put({"cooking": 0.5, "law": 0.7}), world.put(better)
        world.parts.championship.promote(old, expected=champion(world), reason="a change of suites")
        world.children = [better]
        rounds = world.rounds()
        number = rounds.begin()
        judgement = rounds.judge(number)
        rounds.promote(number, judgement)
        ended = rounds.conclude(number, judgement)
        assert (ended.ending, ended.champion) == ("promoted", new)
        assert ended.champion_fitness == pytest.approx(0.8, abs=0.05)
        rounds.propose(rounds.begin())


def test_a_champion_that_became_worse_is_found_and_rolled_back(world: World):
    world.children = [skills(0.7)]
    ended, _ = generation(world)
    world.parts.family.add_founder(world.put(skills(0.7, coding=0.6)), "spoiled")
    spoiled = world.put(skills(0.7, coding=0.6))
    world.parts.championship.promote(spoiled, expected=ended.champion, reason="planted")
    parts, policy = world.parts, world.rounds().demands.policy
    watched = watch_champion(parts.examiner, policy, parts.championship, parts.incidents, generation=2)
    assert watched is not None
    assert watched.judgement.affected == ("coding",)
    (incident,) = parts.incidents.open_ones("evolution", "regression", spoiled)
    assert incident.id == watched.incident
    parts.championship.rollback(reason="worse in coding", kind="regression", expected=spoiled)
    assert champion(world) == ended.champion
    assert not parts.incidents.open_ones("evolution", "regression", spoiled)


def test_the_gate_and_the_watch_use_items_that_the_search_never_saw(world: World):
    examiner = world.parts.examiner
    counts = dict.fromkeys(examiner.domains, 500)
    drawn = [{(item.domain, item.id) for item in examiner.draw(*of, counts)} for of in (
        ("search", 0), ("gate", 1), ("gate", 2), ("watch", 1), ("anchor", 0),
    )]  # fmt: skip
    assert sum(map(len, drawn)) == len(set.union(*drawn)) == 5 * 4 * 500


def child(name: str, **scores: float) -> Child:
    return Child("", model=name, scores=skills(0.5, **scores))


def test_the_fittest_goes_before_the_gate_unless_it_drops_somewhere():
    margins = dict.fromkeys(skills(0), 0.03)
    dropping, steady, failed = child("a", coding=0.9, math=0.4), child("b", coding=0.6), Child("", failure="fault")
    assert best([failed, steady, dropping]) == dropping
    assert best([failed, dropping, steady], skills(0.5), margins) == steady
    assert best([child("c", math=0.3), dropping], skills(0.5), margins) == dropping
    assert best([failed]) is None
