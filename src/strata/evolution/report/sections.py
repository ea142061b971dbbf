"""The parts of a report, each a table of plain texts and perhaps a picture; how they are shown is another's."""

import math
from collections.abc import Iterator, Sequence

from strata.evolution.report.contents import NONE, Comparison, Difference, GenerationResult, Report, signed, span
from strata.evolution.report.difference_plot import OUTLOOKS, difference_plot
from strata.evolution.report.family_plot import family_plot
from strata.evolution.report.fitness_plot import fitness_plot
from strata.evolution.report.front_plot import front_plot
from strata.pages import Section, section

_FITNESS = (
    "Fitness is the weighted share of search items answered rightly, which are the same for all generations: the best "
    "of many looks better on them than it is. The verdict rests on other items, which no search has seen; the interval "
    "has two sides and pairs the answers of both models item by item."
)
_DOMAINS = (
    "Scores are shares of items answered rightly, 0 to 1; both models answer the same items. Intervals have two sides "
    "and confidence {level:.0%}. A domain has dropped where a test finds a drop by its margin likelier than none: its "
    "interval may still reach 0."
)
_FRONT = (
    "Of the {compared} models that were scored on these search items no other is at least as good as one of these in "
    "every domain and better in one: whoever cares more for one domain finds the model for it here. The order is by "
    "mean. A model whose files were collected is rebuilt from its recipe."
)
_NOISE = " Of {items} items a domain a score is known to about \N{PLUS-MINUS SIGN}{half:.3f}: neighbours may be equal."


def sections(report: Report) -> Iterator[Section]:
    """What the report is about, then generations, their verdicts, front, family, and what went wrong, where it has it.

    Every table has a head; `numbers` are columns.
    """
    if report.evidence:
        yield section("Facts", ("what", "value"), report.evidence)
    for number, comparison in enumerate(report.comparisons[:1], start=1):
        yield _comparison(comparison, number)
    if report.generations:
        yield _generations(report.generations)
    for number, comparison in enumerate(report.comparisons[1:], start=2):
        yield _comparison(comparison, number)
    if report.front:
        yield _front(report)
    if report.family:
        yield _family(report)
    if report.failures:
        rows = [(str(each.generation), each.method, each.kind, each.detail) for each in report.failures]
        yield section("Failed children", ("generation", "method", "failure", "detail"), rows, {0})
    if report.happenings:
        events = [(str(e.number), e.when, e.what, e.detail, e.response) for e in report.happenings]
        yield section("Incidents", ("no.", "when (UTC)", "what", "detail", "what was done"), events, {0})


def _comparison(comparison: Comparison, number: int) -> Section:
    rows = [
        (each.domain, *_figures(each), f"{each.margin:.3f}", f"{each.items:,}", OUTLOOKS[each.outlook][2])
        for each in comparison.domains
    ]
    if comparison.overall is not None:
        rows.append(("mean of domains", *_figures(comparison.overall), NONE, f"{comparison.overall.items:,}", NONE))
    about = f"{comparison.model} minus {comparison.reference}, on {comparison.items}."
    if number == 1:
        about += " " + _DOMAINS.format(level=comparison.level)
    return section(
        comparison.title,
        ("domain", "difference", "interval", "margin", "items", "finding"),
        rows,
        {1, 2, 3, 4},
        picture=difference_plot(comparison, number),
        note=about,
    )


def _figures(result: Difference) -> tuple[str, str]:
    return signed(result.difference), span(result)


def _generations(generations: Sequence[GenerationResult]) -> Section:
    rows = [
        (
            str(each.generation),
            str(len(each.children)),
            _best(each.children),
            NONE if each.gain is None else signed(each.gain.difference),
            NONE if each.gain is None else span(each.gain),
            NONE if each.gain is None else f"{each.gain.items:,}",
            f"{each.verdict}: {', '.join(each.affected)}" if each.affected else each.verdict,
            each.ending or NONE,
            NONE if each.champion is None else f"{each.champion:.4f}",
        )
        for each in generations
    ]
    level = next((each.level for each in generations if each.gain is not None), None)
    return section(
        "Generations",
        (
            "no.",
            "children",
            "best child",
            "candidate minus champion",
            "interval" if level is None else f"{level:.0%} interval",
            "items",
            "verdict",
            "ending",
            "champion after",
        ),
        rows,
        {0, 1, 2, 3, 4, 5, 8},
        picture=fitness_plot(generations),
        note=_FITNESS,
    )


def _front(report: Report) -> Section:
    domains = list(report.front[0].scores)
    rows = [
        (
            each.name,
            each.digest[:12],
            each.method,
            *(f"{each.scores[domain]:.3f}" for domain in domains),
            each.role or NONE,
        )
        for each in report.front
    ]
    return section(
        "Pareto front",
        ("model", "digest", "method", *domains, "role"),
        rows,
        range(3, 3 + len(domains)),
        picture=front_plot(report.front),
        note=_FRONT.format(compared=report.compared) + _noise(report),
        first=True,
    )


def _noise(report: Report) -> str:
    """Half of a 90% interval of a typical score of the front."""
    if not report.front_items:
        return ""
    values = [value for model in report.front for value in model.scores.values()]
    mean = sum(values) / len(values)
    half = 1.645 * math.sqrt(max(mean * (1 - mean), 0.0) / report.front_items)
    return _NOISE.format(items=report.front_items, half=half)


def _family(report: Report) -> Section:
    names = {each.digest: each.name for each in report.family}
    rows = [
        (
            each.name,
            each.digest[:12],
            "founder" if each.generation is None else str(each.generation),
            ", ".join(names.get(parent, parent[:12]) for parent in each.parents) or NONE,
            each.role or NONE,
        )
        for each in report.family
    ]
    return section(
        "Family", ("model", "digest", "generation", "parents", "role"), rows, picture=family_plot(report.family)
    )


def _best(values: Sequence[float]) -> str:
    return f"{best:.4f}" if math.isfinite(best := max(filter(math.isfinite, values), default=math.nan)) else NONE
