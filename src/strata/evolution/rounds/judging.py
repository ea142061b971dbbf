"""A candidate before the gate: fresh items are drawn while they can change the verdict, and no longer."""

from collections.abc import Callable, Mapping

from strata.evolution.regression import Gate, GatePolicy, Judgement, pair
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.suites import Item, Purpose

FIRST = 200  # items a domain at the first look
STEP = 100  # and at each further one


def judge_candidate(
    examiner: Examiner,
    policy: GatePolicy,
    *,
    champion: str,
    candidate: str,
    anchor: str | None,
    generation: int,
    purpose: Purpose = "gate",
    progress: Callable[[Mapping[str, int]], None] | None = None,
) -> Judgement:
    """The verdict on `candidate` against `champion`, and against the fixed `anchor` so that no drift adds up.

    Items are those of this purpose and generation, which no search has seen; all models answer the same ones. Where
    they run out before it is clear, the verdict is inconclusive. Raises what `Examiner.examine` raises.
    """
    gate = Gate(policy, examiner.domains, anchor=anchor is not None)
    drawn: dict[str, int] = dict.fromkeys(examiner.domains, 0)
    while True:
        counts = {
            domain: min(max(FIRST, drawn[domain] + STEP), examiner.capacity(purpose, domain)) for domain in gate.wanted
        }
        fresh = _fresh(examiner, purpose, generation, counts, drawn)
        if not fresh:
            return gate.give_up()
        examiner.ahead((*([] if anchor is None else [anchor]), champion, candidate), fresh)
        against = None if anchor is None else examiner.examine(anchor, fresh).scores
        pairs = pair(examiner.examine(champion, fresh).scores, examiner.examine(candidate, fresh).scores, against)
        drawn |= counts
        if progress is not None:
            progress(drawn)
        if (judgement := gate.add(pairs)) is not None:
            return judgement


def limits(examiner: Examiner, policy: GatePolicy, purpose: Purpose = "gate") -> dict[str, int]:
    """How many items of each domain one candidate can be judged on."""
    return {domain: min(policy.most_items, examiner.capacity(purpose, domain)) for domain in examiner.domains}


def _fresh(
    examiner: Examiner, purpose: Purpose, generation: int, counts: Mapping[str, int], drawn: Mapping[str, int]
) -> tuple[Item, ...]:
    found: list[Item] = []
    for domain, count in counts.items():
        found += examiner.draw(purpose, generation, {domain: count})[drawn[domain] :]
    return tuple(found)
