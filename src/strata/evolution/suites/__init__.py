"""Items to test models on, by domain, in versions.

Public face:

- `Item`: a prompt and what judges the answer; `Scoring`
- `Suite`: draws items for a `Purpose` (training, search, anchor, gate; they share none); `GENERATIONS`
- `draw`, `small_suite`, `DOMAINS`, `END` (of an answer): the built-in suites
- errors: `BadSuite`
"""

from strata.evolution.suites.item import BadSuite, Item, Scoring
from strata.evolution.suites.partition import GENERATIONS, Purpose
from strata.evolution.suites.small import DOMAINS, END, small_suite
from strata.evolution.suites.suite import Suite


def draw(domain: str, purpose: Purpose, generation: int, count: int, seed: int) -> tuple[Item, ...]:
    """Items of the built-in suite of a domain: see `Suite.draw`. Raises BadSuite."""
    if domain not in DOMAINS:
        raise BadSuite(f"no built-in suite for {domain!r:.40}: {', '.join(DOMAINS)}")
    return small_suite(domain).draw(purpose, generation, count, seed)


__all__ = ["DOMAINS", "END", "GENERATIONS", "BadSuite", "Item", "Purpose", "Scoring", "Suite", "draw", "small_suite"]
