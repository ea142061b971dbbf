"""What of a generation's outcomes is an incident: pure functions from outcomes to notices.

Severity is `low` where nothing was lost, `medium` where something was, and `high` where no generation can succeed, or a
champion is in doubt, as long as it lasts.
"""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from strata.evolution.regression import Finding, Judgement, State, Verdict
from strata.evolution.rounds.children import Child
from strata.evolution.suites import GENERATIONS, epoch

FAILED, NO_CHILD, MEMORY = "failed children", "no child", "memory budget"
DRIFT, ITEMS, FRESH = "drift", "item budget", "fresh items"
INTERRUPTED = "interrupted generation"
RESPONSES = {
    "promoted": "promoted all the same: the gate found it no worse anywhere",
    "kept": "it was not promoted",
    "proposed": "it was not promoted; a person is asked",
    "failed": "the champion stays",
}
LASTING = (NO_CHILD, MEMORY)  # they stay open until a generation is without them
_EXAMPLES = 3  # details of failures that a notice cites

Severity = Literal["low", "medium", "high"]


@dataclass(frozen=True)
class Notice:
    """An incident to be. response: what was done about it; None where that is still to come."""

    kind: str
    subject: str
    detail: str
    severity: Severity
    response: str | None
    figures: Mapping[str, Any] = field(default_factory=dict)


def of_children(generation: int, children: Sequence[Child]) -> tuple[Notice, ...]:
    """One notice for each way of failing, however many children failed so; one more where no child came of it."""
    kinds = Counter(child.failure for child in children if child.failure is not None)
    notices = []
    for kind, count in sorted(kinds.items()):
        severity: Severity = "high" if count == len(children) else "medium" if 2 * count >= len(children) else "low"
        failed = [child for child in children if child.failure == kind]
        details = list(dict.fromkeys(child.detail for child in failed))[:_EXAMPLES]
        methods = dict(Counter(child.method for child in failed))
        figures = {"generation": generation, "failure": kind, "failed": count, "children": len(children)}
        figures |= {"methods": methods, "details": details}
        detail = f"{count} of {len(children)} children: {kind}: {details[0]}"
        if kind == "memory" and count == len(children):
            notices.append(Notice(MEMORY, "merges", detail, "high", None, figures))
            continue
        went_on = f"generation {generation} went on without {'it' if count == 1 else 'them'}"
        notices.append(Notice(FAILED, f"generation {generation}, {kind}", detail, severity, went_on, figures))
    if kinds.total() == len(children):
        listed = ", ".join(f"{count} by {kind}" for kind, count in sorted(kinds.items())) or "none were asked for"
        figures = {"generation": generation, "failures": dict(kinds)}
        notices.append(
            Notice(NO_CHILD, "children", f"generation {generation} has none: {listed}", "high", None, figures)
        )
    return tuple(notices)


def of_judgement(
    generation: int, candidate: str, judgement: Judgement, limits: Mapping[str, int], response: str
) -> tuple[Notice, ...]:
    """Drift that the second detector or the comparison with the anchor saw; a budget of items that was too small.

    limits: items of each domain that the gate could have. response: how the generation ended.
    """
    notices = []
    anchored = [each for each in judgement.anchor if each.state is State.DROPPED]
    if anchored or judgement.shifted:
        notices.append(_drift(generation, candidate, judgement, anchored, response))
    spent = [each.domain for each in judgement.domains if each.items >= limits[each.domain]]
    if judgement.verdict is Verdict.INCONCLUSIVE and spent:
        figures = {"generation": generation, "items": {domain: limits[domain] for domain in spent}}
        figures |= {"missing": list(judgement.missing), "difference": judgement.overall.difference}
        figures |= {"items_needed": judgement.overall.items_needed}
        detail = f"all items of {', '.join(spent)} were used, and still: {'; '.join(judgement.missing)}"
        notices.append(Notice(ITEMS, generation_of(generation), detail, "low", response, figures))
    return tuple(notices)


def of_watch(generation: int, champion: str, judgement: Judgement) -> tuple[Notice, ...]:
    """A champion that is not shown to be worse, but whose scores moved down somewhere: open until a watch sees it no
    more."""
    if not judgement.shifted or judgement.verdict is Verdict.REGRESS:
        return ()
    return (_drift(generation, champion, judgement, [], None),)


def generation_of(generation: int) -> str:
    """The subject of a notice about a whole generation."""
    return f"generation {generation}"


def of_interruption(generation: int, children: Sequence[Child], attempts: int, given_up: str | None) -> Notice:
    """A generation whose run ended before it did, `attempts` times by now. given_up: why it is not taken up, if so."""
    bred = sum(child.model is not None for child in children)
    scored = sum(child.scores is not None for child in children)
    figures = {"generation": generation, "attempts": attempts, "bred": bred, "examined": scored}
    detail = f"its run ended before it did, with {bred} children bred and {scored} examined"
    if given_up is None:
        return Notice(INTERRUPTED, generation_of(generation), detail, "low", "taken up where it was", figures)
    return Notice(INTERRUPTED, generation_of(generation), detail, "medium", f"given up: {given_up}", figures)


def of_epoch(generation: int) -> tuple[Notice, ...]:
    """The first generation for which the gate has no items left that no generation had before."""
    if not generation or generation % GENERATIONS:
        return ()
    times = epoch(generation)
    detail = f"each item of the gate and the watch may have been drawn {times} times before generation {generation}"
    mixed = "they are mixed anew: no generation gets the items of another, and none of the search's or the anchor's"
    return (Notice(FRESH, f"epoch {times}", detail, "low", mixed, {"generation": generation, "epoch": times}),)


def _drift(
    generation: int, model: str, judgement: Judgement, anchored: Sequence[Finding], response: str | None
) -> Notice:
    seen = [f"{each.domain} by {each.difference:+.3f} against the first champion" for each in anchored]
    seen += [f"{domain} by the second detector" for domain in judgement.shifted]
    shown = [*anchored, *(each for each in judgement.domains if each.domain in judgement.shifted)]
    figures = {
        "generation": generation,
        "shifted": list(judgement.shifted),
        "anchor": [each.domain for each in anchored],
        "domains": [
            {"domain": each.domain, "difference": each.difference, "low": each.low, "high": each.high} for each in shown
        ],
    }
    severity: Severity = "high" if response is None else "medium"
    return Notice(DRIFT, model, f"moved down: {', '.join(seen)}", severity, response, figures)
