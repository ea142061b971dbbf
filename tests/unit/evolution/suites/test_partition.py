"""Draws for different purposes, and the gate's for different generations, share no item; equal draws are equal."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.evolution.suites import DOMAINS, GENERATIONS, BadSuite, Item, draw, small_suite
from strata.evolution.suites.partition import FRESH, block, indices, owner
from strata.evolution.suites.permutation import Permutation

PURPOSES = ("training", "search", "anchor", "gate", "watch")


def template_of(item: Item) -> str:
    return item.id.rpartition("-")[0]


@given(st.integers(1, 5000), st.text(max_size=8))
def test_a_permutation_takes_every_number_once(size: int, key: str):
    shuffled = Permutation(size, key)(np.arange(size, dtype=np.uint64))
    assert sorted(shuffled.tolist()) == list(range(size))


def test_a_permutation_depends_on_its_key_and_scatters():
    numbers = np.arange(1000, dtype=np.uint64)
    one, other = Permutation(100_000, "one")(numbers), Permutation(100_000, "other")(numbers)
    assert one.tolist() != other.tolist()
    # Mean of 1000 of 0..99999: 50,000 with a standard deviation of 913.
    assert abs(float(one.mean()) - 50_000) < 4 * 913
    assert np.abs(np.diff(one.astype(np.int64))).min() > 0


@given(st.integers(100, 100_000))
def test_blocks_do_not_overlap(size: int):
    blocks = [block(size, purpose, 0) for purpose in PURPOSES[:3]]
    blocks += [block(size, purpose, generation) for purpose in FRESH for generation in range(GENERATIONS)]
    taken = [position for part in blocks for position in part]
    assert len(taken) == len(set(taken))
    assert all(0 <= position < size for position in taken)


@settings(deadline=None)
@given(st.integers(2000, 50_000), st.integers(0, 100), st.integers(0, 2**32), st.data())
def test_a_longer_draw_begins_with_the_shorter(size: int, generation: int, seed: int, data: st.DataObject):
    purpose = data.draw(st.sampled_from(PURPOSES))
    most = len(block(size, purpose, generation))
    count = data.draw(st.integers(0, most))
    long = indices("s", size, purpose, generation, count=most, seed=seed).tolist()
    assert indices("s", size, purpose, generation, count=count, seed=seed).tolist() == long[:count]
    assert len(set(long)) == most


@pytest.mark.parametrize("domain", DOMAINS)
def test_purposes_share_no_prompt(domain: str):
    suite = small_suite(domain)
    counts = {purpose: min(2000, suite.capacity(purpose)) for purpose in PURPOSES}
    drawn = [{i.prompt for i in suite.draw(purpose, 0, counts[purpose], 1)} for purpose in PURPOSES]
    drawn += [{i.prompt for i in suite.draw("gate", generation, counts["gate"], 1)} for generation in (1, 31)]
    assert sum(map(len, drawn)) == len(set().union(*drawn)) == sum(counts.values()) + 2 * counts["gate"]


@pytest.mark.parametrize("domain", DOMAINS)
def test_a_gate_block_is_drawn_whole_whatever_the_seed(domain: str):
    suite = small_suite(domain)
    count = suite.capacity("gate")
    smallest = min(suite.spaces, key=lambda space: space.size)
    of_smallest = [
        {i.id for i in suite.draw("gate", 5, count, seed) if f"{domain}-{template_of(i)}" == smallest.name}
        for seed in (1, 2)
    ]
    assert of_smallest[0] == of_smallest[1] != set()


def test_seed_and_generation_matter_but_not_the_anchors_generation():
    first = draw("math", "search", 0, 50, 1)
    assert draw("math", "search", 0, 50, 1) == first
    assert not {i.id for i in draw("math", "search", 0, 50, 2)} >= {i.id for i in first}
    assert not {i.id for i in draw("math", "search", 1, 50, 1)} >= {i.id for i in first}
    assert draw("math", "anchor", 7, 50, 1) == draw("math", "anchor", 0, 50, 1)


def test_after_an_epoch_items_come_again_but_no_generation_gets_anothers():
    suite = small_suite("math")
    drawn = {
        (purpose, generation): {item.id for item in suite.draw(purpose, generation, 1000, 1)}
        for purpose in ("gate", "watch")
        for generation in (1, 31, 32, 33, 63, 65)
    }
    fixed = {purpose: {item.id for item in suite.draw(purpose, 33, 2000, 1)} for purpose in ("search", "anchor")}
    for (purpose, generation), items in drawn.items():
        assert all(items.isdisjoint(others) for others in fixed.values())
        for (another, other), others in drawn.items():
            if purpose != another or (generation != other and generation // 32 == other // 32):
                assert items.isdisjoint(others), (purpose, generation, another, other)
            elif generation != other:
                # A block is 1 of 32: of 1000 about 28 are in that of another epoch, as the draws leave some out.
                assert len(items & others) < 100, (purpose, generation, other)


def test_the_blocks_of_an_epoch_are_the_whole_of_what_the_purpose_has():
    def drawn(first: int) -> list[int]:
        blocks = [
            indices("s", 6400, "gate", number, count=80, seed=number).tolist() for number in range(first, first + 32)
        ]
        return sorted(position for positions in blocks for position in positions)

    assert drawn(0) == drawn(32) == drawn(640)
    assert len(set(drawn(0))) == 6400 * 40 // 100


def test_a_draw_has_the_templates_in_equal_shares():
    items = draw("coding", "gate", 0, 400, 3)
    templates = [template_of(item) for item in items]
    assert {templates.count(template) for template in templates} == {100}
    # All templates are in every draw: they are strata, and no clusters that the gate must allow for.
    assert {item.cluster for item in items} == {None}


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(BadSuite, match="no built-in suite for 'cooking': coding, math"):
        draw("cooking", "gate", 0, 1, 1)
    with pytest.raises(BadSuite, match="were asked for"):
        draw("math", "gate", 0, 1_000_000, 1)
    with pytest.raises(BadSuite, match="no purpose 'fun'"):
        draw("math", "fun", 0, 1, 1)  # type: ignore[arg-type]
    with pytest.raises(BadSuite, match="counted from 0"):
        draw("math", "gate", -1, 1, 1)
    assert draw("math", "gate", 0, 0, 1) == ()


def test_texts_are_owned_in_the_same_shares():
    owners = [owner(f"text {number}") for number in range(10_000)]
    shares = {purpose: owners.count(purpose) / 10_000 for purpose in PURPOSES}
    # Standard deviation of a share at 10,000: at most .005.
    assert shares == pytest.approx(
        {"training": 0.20, "search": 0.15, "anchor": 0.05, "gate": 0.40, "watch": 0.20}, abs=0.02
    )
