"""Everything that generations are made with, opened together and closed together."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.errors import StrataError
from strata.evolution.evaluate import AnswerCache, local_scorer
from strata.evolution.lineage import Championship, Family, PoolMerge
from strata.evolution.merge import MergePool
from strata.evolution.models import open_model
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.founders import Founder, enter_founder
from strata.evolution.rounds.rounds import Demands, Parts, Rounds
from strata.evolution.search import TECHNIQUES, Space
from strata.evolution.suites import DOMAINS, small_suite
from strata.store import GenerationLog, IncidentLog, Store

MOST_GROUPS = 3  # of layers, that have weights of their own


@dataclass(frozen=True)
class Order:
    """What is to be bred: from `parents`, models that were trained from `base`, if there is one.

    Each is a model folder or lies in the store already.
    """

    parents: Sequence[Founder]
    base: Founder | None
    demands: Demands
    workers: int = 2
    memory_bytes: int | None = None
    timeout_seconds: float | None = None


@dataclass(frozen=True)
class Workshop:
    """`rounds` to breed with, their `parts`, and the founders: digests by name, the base among them."""

    rounds: Rounds
    parts: Parts
    founders: dict[str, str]


@contextmanager
def open_workshop(order: Order, home: Path, store: Store, ledger: str) -> Iterator[Workshop]:
    """The founders are stored and entered, and one is crowned where there is no champion yet.

    That is the base, which every parent was trained away from and may have left some domain; without a base the fittest
    parent.

    home: folder of the cache of answers. Raises StrataError for founders that cannot be read or do not fit together.
    """
    with ExitStack() as stack:
        family = stack.enter_context(Family(store, ledger))
        founders = _enter(family, store, order)
        pool = stack.enter_context(
            MergePool(store, order.workers, memory_bytes=order.memory_bytes, timeout_seconds=order.timeout_seconds)
        )
        championship = stack.enter_context(Championship(store, ledger, merge=PoolMerge(pool)))
        generations, incidents = GenerationLog(ledger), IncidentLog(ledger)
        stack.callback(generations.close)
        stack.callback(incidents.close)
        examiner = stack.enter_context(open_examiner(home, store, order.demands.seed))
        parts = Parts(store, examiner, family, championship, generations, incidents, pool.merge_all)
        parents = tuple(founders[parent.name] for parent in order.parents)
        base = founders[order.base.name] if order.base else None
        space = _space(store, championship, founders, parents, base)
        crowned = _crown(Rounds(order.demands, parts, space), championship, [base] if base else parents)
        yield Workshop(Rounds(order.demands, parts, space, crowned), parts, founders)


def open_examiner(home: Path, store: Store, seed: int) -> Examiner:
    """Models of the store before the built-in suites; home: folder of the cache of answers. To be closed."""
    suites = {domain: small_suite(domain) for domain in DOMAINS}
    return Examiner(store, suites, AnswerCache(home / "answers.sqlite"), local_scorer, seed=seed)


def _enter(family: Family, store: Store, order: Order) -> dict[str, str]:
    given = [*order.parents, *([order.base] if order.base else [])]
    names = [founder.name for founder in given]
    if len(set(names)) < len(names):
        raise StrataError(f"two founders have the same name: {', '.join(names)}")
    founders = {founder.name: enter_founder(store, founder) for founder in given}
    for name, digest in founders.items():
        family.add_founder(digest, name)
    return founders


def _space(
    store: Store, championship: Championship, founders: Mapping[str, str], parents: tuple[str, ...], base: str | None
) -> Space:
    """All recipes of these parents, which must be of one architecture, as must be who they may take the place of."""
    configs = {name: _config(store, digest) for name, digest in founders.items()}
    if (standing := championship.standing()) is not None:
        configs["the champion of this STRATA_HOME (choose another folder for other models)"] = _config(
            store, standing.digest
        )
    name, first = next(iter(configs.items()))
    for other, config in configs.items():
        for what in ("model_type", "num_hidden_layers", "hidden_size", "vocab_size"):
            if config.get(what) != first.get(what):
                raise StrataError(
                    f"{name} does not fit {other}: {what} is {first.get(what)}, and {config.get(what)} of the latter"
                )
    layers = first.get("num_hidden_layers")
    if not isinstance(layers, int) or layers < 1:
        raise StrataError(f"the config of {name} says nothing of num_hidden_layers")
    return Space(parents, base, layers, tuple(TECHNIQUES), groups=min(MOST_GROUPS, layers))


def _crown(rounds: Rounds, championship: Championship, eligible: Sequence[str]) -> str:
    """The first champion there ever was: the anchor of all that come after it."""
    if not championship.history():
        rounds.crown(eligible)
    return championship.history()[-1].digest


def _config(store: Store, digest: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(store.read(open_model(store, digest).files["config.json"]))
    return config
