"""Items to test models on, by domain, in versions.

Public face:

- `Item`: a prompt and what judges the answer; `Scoring`
- `Suite`: draws items for a `Purpose` (training, search, anchor, gate, watch; they share none); `GENERATIONS`, after
  which the `epoch` ends and items of the gate come again, mixed anew
- `draw`, `small_suite`, `DOMAINS`, `END` (of an answer): the built-in suites
- `named_suites`: by names that a person writes
- `read_suites`, `read_items`, `write_items`: suites as files
- `gym_suite`, `GYM_TASKS`: made by reasoning-gym; `harness_items`: a task of lm-eval
- errors: `BadSuite`
"""

from strata.evolution.suites.files import read_items, read_suites, write_items
from strata.evolution.suites.gym import GYM_TASKS, gym_suite
from strata.evolution.suites.harness import harness_items
from strata.evolution.suites.item import BadSuite, Item, Scoring
from strata.evolution.suites.named import named_suites
from strata.evolution.suites.partition import GENERATIONS, Purpose, epoch
from strata.evolution.suites.small import DOMAINS, END, small_suite
from strata.evolution.suites.suite import Suite


def draw(domain: str, purpose: Purpose, generation: int, count: int, seed: int) -> tuple[Item, ...]:
    """Items of the built-in suite of a domain: see `Suite.draw`. Raises BadSuite."""
    if domain not in DOMAINS:
        raise BadSuite(f"no built-in suite for {domain!r:.40}: {', '.join(DOMAINS)}")
    return small_suite(domain).draw(purpose, generation, count, seed)


__all__ = [
    "DOMAINS",
    "END",
    "GENERATIONS",
    "GYM_TASKS",
    "BadSuite",
    "Item",
    "Purpose",
    "Scoring",
    "Suite",
    "draw",
    "epoch",
    "gym_suite",
    "harness_items",
    "named_suites",
    "read_items",
    "read_suites",
    "small_suite",
    "write_items",
]
