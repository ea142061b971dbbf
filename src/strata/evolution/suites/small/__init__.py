"""The built-in suites: four domains sized to models of a million parameters (letters as tokens, one-line questions).

Public face: `DOMAINS`, `END`, `small_suite`.
"""

from functools import cache

from strata.evolution.suites.small import coding, language, math, reasoning
from strata.evolution.suites.small.template import END
from strata.evolution.suites.suite import Suite, digest_of

_TEMPLATES = {
    "coding": coding.TEMPLATES,
    "math": math.TEMPLATES,
    "reasoning": reasoning.TEMPLATES,
    "language": language.TEMPLATES,
}
DOMAINS = tuple(_TEMPLATES)


@cache
def small_suite(domain: str) -> Suite:
    """The built-in suite of one of `DOMAINS`; raises KeyError for another."""
    templates = _TEMPLATES[domain]
    return Suite(f"small-{domain}", digest_of(templates), domain, templates)


__all__ = ["DOMAINS", "END", "small_suite"]
