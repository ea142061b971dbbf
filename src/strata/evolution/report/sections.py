"""The parts of a report, each a table of plain texts and perhaps a picture; how they are shown is another's."""

import math
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from strata.evolution.report.contents import NONE, Report, signed
from strata.evolution.report.family_plot import family_plot
from strata.evolution.report.plots import OUTLOOKS, difference_plot, fitness_plot

MOST_ROWS = 50


@dataclass(frozen=True)
class Section:
    """rows: unescaped, the last 50; left_out: so many earlier ones; numbers: columns of figures; picture: draws SVG."""

    title: str
    head: Sequence[str]
    rows: Sequence[Sequence[str]]
    left_out: int = 0
    numbers: frozenset[int] = frozenset()
    picture: Callable[[], str] | None = None


def sections(report: Report) -> Iterator[Section]:
    """Domains, generations, family and evidence, as far as the report has them."""
    if report.domains:
        yield _section(
            "Domains",
            ("domain", "difference", "interval", "allowed drop", "items", "finding"),
            [
                (
                    each.domain,
                    signed(each.difference),
                    f"{signed(each.low)} to {signed(each.high)}",
                    f"{each.margin:.3f}",
                    f"{each.items:,}",
                    OUTLOOKS[each.outlook][2],
                )
                for each in report.domains
            ],
            {1, 2, 3, 4},
            lambda: difference_plot(report.domains),
        )
    if report.generations:
        yield _section(
            "Generations",
            ("generation", "champion", "best child", "children", "verdict"),
            [
                (
                    str(each.generation),
                    NONE if each.champion is None else f"{each.champion:.4f}",
                    _best(each.children),
                    str(len(each.children)),
                    each.verdict,
                )
                for each in report.generations
            ],
            {0, 1, 2, 3},
            lambda: fitness_plot(report.generations),
        )
    if report.family:
        names = {each.digest: each.name for each in report.family}
        yield _section(
            "Family",
            ("model", "digest", "generation", "parents", "role"),
            [
                (
                    each.name,
                    each.digest[:12],
                    "founder" if each.generation is None else str(each.generation),
                    ", ".join(names.get(parent, parent[:12]) for parent in each.parents) or NONE,
                    each.role or NONE,
                )
                for each in report.family
            ],
            set(),
            lambda: family_plot(report.family),
        )
    if report.evidence:
        yield _section("Evidence", ("what", "value"), report.evidence)


def _best(values: Sequence[float]) -> str:
    return f"{best:.4f}" if math.isfinite(best := max(filter(math.isfinite, values), default=math.nan)) else NONE


def _section(
    title: str,
    head: Sequence[str],
    rows: Sequence[Sequence[str]],
    numbers: Iterable[int] = (),
    picture: Callable[[], str] | None = None,
) -> Section:
    return Section(title, head, rows[-MOST_ROWS:], max(0, len(rows) - MOST_ROWS), frozenset(numbers), picture)
