"""What a report is made of: plain values, which whoever judged, promoted or rolled back fills in."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from strata.pages import Severity

Role = Literal["", "champion", "former champion", "candidate", "rolled back"]
Outlook = Literal["held", "open", "lost"]
MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"  # the sign of a number; in the place of one that is not there
FELL = "rolled back"  # ending of a generation whose candidate was promoted, and left for a regression


@dataclass(frozen=True)
class Difference:
    """Paired difference of mean scores with its interval, on so many items."""

    difference: float
    low: float
    high: float
    items: int

    @property
    def known(self) -> bool:
        """Whether there is anything to draw: too few items give no interval."""
        return all(map(math.isfinite, (self.difference, self.low, self.high)))


@dataclass(frozen=True)
class DomainResult(Difference):
    """The difference in one domain; margin: the drop that must not be, >= 0.

    outlook, as it was judged: held: it did not drop by the margin; lost: it dropped; open: neither is known.
    """

    domain: str
    margin: float
    outlook: Outlook


@dataclass(frozen=True)
class Comparison:
    """`model` less `reference`, both names, by domain and as the mean over domains (None where that is not known).

    items: which they were, in words. level: confidence of the intervals, which have two sides.
    """

    title: str
    model: str
    reference: str
    items: str
    level: float
    domains: tuple[DomainResult, ...]
    overall: Difference | None = None


@dataclass(frozen=True)
class GenerationResult:
    """champion: fitness of the champion after it, before: of the one before it, None where that is not known.

    children: fitness of those bred in it; candidate: of the one that was judged. verdict: the gate's, gain: the
    candidate's over the champion, overall, with an interval of `level`; affected: domains that dropped.
    """

    generation: int
    champion: float | None
    children: tuple[float, ...]
    verdict: str
    before: float | None = None
    candidate: float | None = None
    gain: Difference | None = None
    level: float = 0.9
    affected: tuple[str, ...] = ()
    ending: str = ""


@dataclass(frozen=True)
class Relative:
    """A model of the family tree; generation: None for a founder; role: such as "champion", or empty."""

    digest: str
    name: str
    generation: int | None
    parents: tuple[str, ...]
    role: Role = ""


@dataclass(frozen=True)
class FrontModel:
    """A model that no other beats in every domain; scores: share of search items answered rightly, by domain."""

    digest: str
    name: str
    method: str
    scores: Mapping[str, float]
    role: Role = ""
    founder: bool = False


@dataclass(frozen=True)
class FailedChild:
    """A recipe that gave no model to judge; kind: what sort of failure."""

    generation: int
    method: str
    kind: str
    detail: str


@dataclass(frozen=True)
class Happening:
    """An incident of the ledger, in words; what: its kind and whom it concerns; response: what was done, its state."""

    number: int
    when: str
    what: str
    detail: str
    response: str


@dataclass(frozen=True)
class Report:
    """A round or an incident.

    evidence: named values; done: what was done about it, step by step. comparisons: the first is what the report is
    about. compared: how many models the front was chosen from, scored on `front_items` a domain (0: not known).
    Whatever is a tuple may be empty.
    """

    title: str
    verdict: str
    severity: Severity
    summary: str
    evidence: tuple[tuple[str, str], ...] = ()
    done: tuple[str, ...] = ()
    comparisons: tuple[Comparison, ...] = ()
    generations: tuple[GenerationResult, ...] = ()
    front: tuple[FrontModel, ...] = ()
    compared: int = 0
    front_items: int = 0
    family: tuple[Relative, ...] = ()
    failures: tuple[FailedChild, ...] = ()
    happenings: tuple[Happening, ...] = ()


def signed(value: float) -> str:
    """Such as +0.012; a dash where it is not known."""
    return f"{value:+.3f}".replace("-", MINUS) if math.isfinite(value) else NONE


def span(result: Difference) -> str:
    """An interval, such as +0.012 to +0.034."""
    return f"{signed(result.low)} to {signed(result.high)}"
