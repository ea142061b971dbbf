"""All rules over a project's code, and what their findings make pairs of modules weigh."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass

from strata.migration.connascence.code import Code
from strata.migration.connascence.finding import Finding, Kind, Outcome
from strata.migration.connascence.rules import RULES

Pair = tuple[str, str]


@dataclass(frozen=True)
class Report:
    """What each rule found."""

    outcomes: Mapping[Kind, Outcome]

    @property
    def findings(self) -> tuple[Finding, ...]:
        """All findings, the heaviest first."""
        found = (each for outcome in self.outcomes.values() for each in outcome.findings)
        return tuple(sorted(found, key=lambda each: (-each.weight, each.place.path, each.place.line, each.key)))


def connascence(code: Code, kinds: Collection[Kind] = tuple(Kind)) -> Report:
    """Apply the rules of these kinds."""
    return Report({kind: RULES[kind].look(code) for kind in Kind if kind in kinds})


def strengths(code: Code, findings: Iterable[Finding]) -> dict[Pair, tuple[int, int]]:
    """The strongest connascence between two modules, in both orders of their dotted names, and its degree.

    Of several findings of one kind the degrees are added. A pair without a finding has none here: an import alone is
    connascence of name.
    """
    degrees: dict[tuple[str, str, Kind], int] = {}
    for each in findings:
        for other in (each.other, *each.more):
            here, there = code.modules.get(each.place.path), code.modules.get(other.path)
            if here is None or there is None or here == there:
                continue
            for key in ((here, there, each.kind), (there, here, each.kind)):
                degrees[key] = degrees.get(key, 0) + each.degree
    found: dict[Pair, tuple[int, int]] = {}
    for (one, another, kind), degree in degrees.items():
        found[one, another] = max(found.get((one, another), (0, 0)), (kind.strength, degree))
    return found
