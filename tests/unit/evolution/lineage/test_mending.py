"""Champions and candidates that were damaged: made again where that can be, told of in any case."""

import pytest

from strata.evolution.lineage import Championship, NoSoundChampion, damage
from strata.store import BlobCorrupt, IncidentLog
from tests.support.lineage import put_files, recipe_of, spoil


@pytest.fixture
def bred(store, family, merge) -> list[str]:
    """Two founders and two children."""
    founders = [put_files(store, f"founder {number}".encode() * 50) for number in range(2)]
    for number, founder in enumerate(founders):
        family.add_founder(founder, f"founder-{number}")
    children = []
    for seed in (1, 2):
        recipe = recipe_of(founders, seed)
        children.append(family.add_child(merge(recipe), recipe, seed, f"child-{seed}").digest)
    return [*founders, *children]


@pytest.fixture
def remaking(store, ledger, merge):
    with Championship(store, ledger, merge=merge) as championship:
        yield championship


def told(ledger: str):
    with IncidentLog(ledger) as log:
        return [(each.kind, each.subject, each.state, each.response) for each in reversed(log.recent("evolution"))]


def test_a_champion_that_is_whole_is_left_alone(remaking, ledger, bred) -> None:
    assert remaking.mend() is None
    remaking.promote(bred[2], expected=None, reason="first")
    assert remaking.mend() is None
    assert told(ledger) == []


@pytest.mark.parametrize("remove", [True, False])
def test_a_damaged_champion_is_made_again(remaking, store, ledger, bred, *, remove: bool) -> None:
    remaking.promote(bred[2], expected=None, reason="first")
    spoil(store, bred[2], remove=remove)
    assert remaking.mend() is None
    assert damage(store, bred[2]) is None
    assert told(ledger) == [("damaged model", bred[2], "resolved", "made again from its recipe, bit for bit")]


def test_a_champion_that_cannot_be_made_again_gives_its_place_back(championship, store, ledger, bred) -> None:
    championship.promote(bred[2], expected=None, reason="first")
    championship.promote(bred[3], expected=bred[2], reason="second")
    spoil(store, bred[3])
    done = championship.mend()
    assert (done.left, done.target) == (bred[3], bred[2])
    assert championship.standing().digest == bred[2]
    first, second = told(ledger)
    assert first == ("damaged model", bred[3], "resolved", f"rolled back to {bred[2]}")
    assert second[:3] == ("rollback", bred[3], "resolved")


def test_without_any_sound_champion_the_damage_stays_told(championship, store, ledger, bred) -> None:
    championship.promote(bred[2], expected=None, reason="first")
    spoil(store, bred[2])
    with pytest.raises(NoSoundChampion):
        championship.mend()
    assert championship.standing().digest == bred[2]
    assert told(ledger)[0][:3] == ("damaged model", bred[2], "open")


@pytest.mark.parametrize("way", ["promote", "propose", "approve"])
def test_a_damaged_candidate_is_made_again(remaking, store, ledger, bred, way: str) -> None:
    remaking.promote(bred[2], expected=None, reason="first")
    question = remaking.propose(bred[3], expected=bred[2], judgement={}) if way == "approve" else None
    spoil(store, bred[3])
    if way == "promote":
        assert remaking.promote(bred[3], expected=bred[2], reason="better").digest == bred[3]
    elif way == "propose":
        remaking.propose(bred[3], expected=bred[2], judgement={})
    else:
        assert remaking.approve(question, "a person").digest == bred[3]
    assert damage(store, bred[3]) is None
    assert ("damaged model", bred[3], "resolved", "made again from its recipe, bit for bit") in told(ledger)


def test_a_candidate_whose_parents_are_damaged_too_is_not_promoted(remaking, store, ledger, bred) -> None:
    remaking.promote(bred[2], expected=None, reason="first")
    spoil(store, bred[0])
    spoil(store, bred[3])
    with pytest.raises(BlobCorrupt):
        remaking.promote(bred[3], expected=bred[2], reason="better")
    assert remaking.standing().digest == bred[2]
    assert told(ledger)[0][:3] == ("damaged model", bred[3], "open")
