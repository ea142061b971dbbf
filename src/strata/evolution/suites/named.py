"""Suites by names that a person writes."""

from collections.abc import Sequence
from pathlib import Path

from strata.evolution.suites.files import listed_suites, read_suites
from strata.evolution.suites.gym import GYM_TASKS, gym_suite
from strata.evolution.suites.harness import harness_items
from strata.evolution.suites.item import BadSuite
from strata.evolution.suites.small import DOMAINS, small_suite
from strata.evolution.suites.suite import Suite

_HARNESS = "lm-eval:"


def named_suites(names: Sequence[str]) -> dict[str, Suite]:
    """Suites by domain, of all `names` in turn. Raises BadSuite, also where two have the same domain.

    `small`: the built-in ones. `gym`: reasoning-gym's, for the same domains. `lm-eval:TASK`: a task of lm-eval, which
    is a domain of its own. Anything else is the path of a file, see `read_suites`.
    """
    found: dict[str, Suite] = {}
    for name in names:
        for suite in _suites(name):
            if suite.domain in found:
                raise BadSuite(f"domain {suite.domain} has items in {found[suite.domain].name} and in {name}")
            found[suite.domain] = suite
    if not found:
        raise BadSuite("no suite is named: nothing to test models on")
    return found


def _suites(name: str) -> Sequence[Suite]:
    if name == "small":
        return [small_suite(domain) for domain in DOMAINS]
    if name == "gym":
        return [gym_suite(domain) for domain in GYM_TASKS]
    if name.startswith(_HARNESS):
        task = name.removeprefix(_HARNESS)
        return listed_suites(task, harness_items(task, domain=task))
    return read_suites(Path(name))
