"""What a report is made of: plain values, which whoever judged, promoted or rolled back fills in."""

import math
from dataclasses import dataclass
from typing import Literal

Severity = Literal["none", "low", "medium", "high"]
Role = Literal["", "champion", "former champion", "candidate", "rolled back"]
Outlook = Literal["held", "open", "lost"]
MINUS, NONE = "\N{MINUS SIGN}", "\N{EN DASH}"  # the sign of a number; in the place of one that is not there
MOST_TEXT = 400  # characters of any text that is shown


@dataclass(frozen=True)
class DomainResult:
    """Paired difference of mean scores, candidate minus champion, with its interval; margin: the drop allowed, >= 0."""

    domain: str
    difference: float
    low: float
    high: float
    margin: float
    items: int

    @property
    def known(self) -> bool:
        """Whether there is anything to draw: too few items give no interval."""
        return all(map(math.isfinite, (self.difference, self.low, self.high)))

    @property
    def outlook(self) -> Outlook:
        """held: no worse than the margin allows; lost: worse; open: the interval includes both."""
        if not self.known:
            return "open"
        if self.low > -self.margin:
            return "held"
        return "lost" if self.high <= -self.margin else "open"


@dataclass(frozen=True)
class GenerationResult:
    """champion: fitness of the champion after it, None where there is none; children: of those bred in it."""

    generation: int
    champion: float | None
    children: tuple[float, ...]
    verdict: str


@dataclass(frozen=True)
class Relative:
    """A model of the family tree; generation: None for a founder; role: such as "champion", or empty."""

    digest: str
    name: str
    generation: int | None
    parents: tuple[str, ...]
    role: Role = ""


@dataclass(frozen=True)
class Report:
    """A round or an incident.

    evidence: named values; done: what was done about it, step by step. Domains, generations or family may be empty.
    """

    title: str
    verdict: str
    severity: Severity
    summary: str
    evidence: tuple[tuple[str, str], ...] = ()
    done: tuple[str, ...] = ()
    domains: tuple[DomainResult, ...] = ()
    generations: tuple[GenerationResult, ...] = ()
    family: tuple[Relative, ...] = ()


def clean(text: str, most: int = MOST_TEXT) -> str:
    """One line without control characters, shortened to `most` characters with "…"."""
    line = " ".join("".join(c if c.isprintable() else " " for c in text[: 4 * most]).split())
    return line if len(line) <= most and len(text) <= 4 * most else line[: most - 1] + "…"


def signed(value: float) -> str:
    """Such as +0.012; a dash where it is not known."""
    return f"{value:+.3f}".replace("-", MINUS) if math.isfinite(value) else NONE
