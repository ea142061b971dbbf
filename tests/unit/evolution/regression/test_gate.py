"""The gate as a state machine."""

import numpy as np
import pytest

from strata.evolution.regression import Gate, GatePolicy, Pair, State, UnpairedScores, Verdict
from strata.evolution.regression.sequential import NO, Course, advance, promotable, wanted
from strata.evolution.regression.summary import Summary
from tests.support.pairs import draw, generator

POLICY = GatePolicy()
DOMAINS = ("coding", "math", "reasoning", "language")


def run(deltas, seed=1, policy=POLICY, anchor=None, look=50, **more):
    """Draw what the gate wants until it judges; the judgement and all pairs of each look."""
    random, looks = generator(seed), []
    gate = Gate(policy, DOMAINS, anchor=anchor is not None)
    drawn = dict.fromkeys(DOMAINS, 0)
    while True:
        batch = []
        for domain in gate.wanted:
            delta = deltas[DOMAINS.index(domain)]
            batch += draw(random, domain, look, delta, start=drawn[domain], anchor=anchor, **more)
            drawn[domain] += look
        looks.append(batch)
        judged = gate.add(batch)
        if judged is not None:
            assert gate.wanted == ()
            return judged, looks


def test_a_better_model_is_promoted_and_a_worse_one_is_not():
    judged, _ = run([0.04] * 4)
    assert judged.verdict is Verdict.PROMOTE
    assert judged.confidence >= 0.95
    assert judged.watched
    assert judged.overall.better
    judged, _ = run([0.02, -0.1, 0.02, 0.02])
    assert judged.verdict is Verdict.REGRESS
    assert judged.affected == ("math",)
    assert judged.confidence >= 0.95
    assert judged.domains[1].p_drop <= 0.05


def test_a_copy_is_sound_and_not_better_after_few_items():
    judged, _ = run([0.0] * 4, psi=0.0)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert {each.state for each in judged.domains} == {State.SOUND}
    assert judged.items <= 4 * 150


def test_an_equal_model_is_left_alone():
    judged, looks = run([0.0] * 4, seed=2)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert [each.state for each in judged.domains] == [State.SOUND] * 4
    assert "not shown to be better overall" in judged.missing[0]
    assert judged.items == sum(map(len, looks))


def simulated(looks):
    """The same looks through the vectorised functions that the simulations use."""
    shape = (1, len(DOMAINS))
    items, gained, lost = (np.zeros(shape) for _ in range(3))
    course = Course.begin(shape, anchor=False)
    margins = POLICY.margins_of(DOMAINS)
    for batch in looks:
        for each in batch:
            at = DOMAINS.index(each.domain)
            items[0, at] += 1
            gained[0, at] += each.candidate > each.baseline
            lost[0, at] += each.candidate < each.baseline
        summary = Summary.of_flips(items, gained, lost)
        course = advance(course, summary, None, margins, POLICY)
    more = wanted(course, summary, None, margins, POLICY)
    verdict = Verdict.REGRESS if (course.sound == NO).any() else Verdict.INCONCLUSIVE
    return Verdict.PROMOTE if promotable(course)[0] else verdict, more.any()


@pytest.mark.parametrize("seed", range(12))
def test_simulations_run_the_very_same_gate(seed):
    deltas = [[0.0] * 4, [0.03] * 4, [0, -0.05, 0.02, 0], [-0.015] * 4][seed % 4]
    judged, looks = run(deltas, seed=seed)
    assert simulated(looks) == (judged.verdict, False)
    assert simulated(looks[:-1])[1]  # not a look sooner


def test_the_order_within_a_look_does_not_matter():
    judged, looks = run([0.01] * 4, seed=3)
    gate = Gate(POLICY, DOMAINS)
    for batch in looks[:-1]:
        assert gate.add(reversed(batch)) is None
    again = gate.add(reversed(looks[-1]))
    assert again.verdict is judged.verdict
    assert [each.difference for each in again.domains] == [each.difference for each in judged.domains]


def test_clear_drops_are_told_sooner_than_small_ones():
    small, large = (np.mean([run([d, 0, 0, 0], seed=s)[0].items for s in range(4)]) for d in (-0.03, -0.09))
    assert large < small / 2


def test_an_anchor_prevents_promotion():
    judged, _ = run([0.04] * 4, anchor=0)  # the anchor scores exactly what the candidate does
    assert judged.verdict is Verdict.PROMOTE
    assert [each.difference for each in judged.anchor] == [0] * 4
    judged, _ = run([0.04] * 4, anchor=0.95)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert any("against the anchor" in sentence for sentence in judged.missing)
    assert State.DROPPED in {each.state for each in judged.anchor}


def test_giving_up_says_what_is_missing():
    gate = Gate(POLICY, DOMAINS)
    random = generator(5)
    assert gate.add([each for domain in DOMAINS for each in draw(random, domain, 100, 0.0)]) is None
    judged = gate.give_up()
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert all(each.items_needed > 100 for each in judged.domains)
    assert judged.overall.items_needed > 100
    assert gate.give_up() is judged
    with pytest.raises(ValueError, match="has been judged"):
        gate.add([])


def test_a_gate_without_any_items_gives_up_in_peace():
    judged = Gate(POLICY, DOMAINS).give_up()
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert judged.items == 0


def test_templates_that_stay_few_end_at_the_absolute_limit():
    policy = GatePolicy(most_items=400)
    judged, _ = run([0.0] * 4, policy=policy, cluster=50)
    assert judged.verdict is Verdict.INCONCLUSIVE
    assert {each.items for each in judged.domains} == {400}
    assert "only 8 clusters of items" in judged.missing[0]


ITEM = Pair("math", "a", None, 0.0, 1.0)


@pytest.mark.parametrize(
    ("pairs", "message"),
    [
        ([ITEM, ITEM], "came twice"),
        ([Pair("law", "a", None, 0.0, 1.0)], "not judged"),
        ([Pair("math", "a", None, 0.0, 1.0, 1.0)], "there is no anchor"),
    ],
)
def test_what_does_not_belong_is_refused_and_nothing_is_taken(pairs, message):
    gate = Gate(POLICY, DOMAINS)
    fresh = Pair("math", "fresh", None, 1.0, 1.0)
    with pytest.raises(UnpairedScores, match=message):
        gate.add([fresh, *pairs])
    gate.add([fresh, ITEM])
    with pytest.raises(UnpairedScores, match="came twice"):
        gate.add([ITEM])
    assert gate.give_up().items == 2


def test_an_anchor_must_have_answered():
    with pytest.raises(UnpairedScores, match="no anchor's score"):
        Gate(POLICY, DOMAINS, anchor=True).add([ITEM])


@pytest.mark.parametrize("domains", [(), ("math", "math")])
def test_a_gate_has_domains(domains):
    with pytest.raises(ValueError, match="at least one domain"):
        Gate(POLICY, domains)
