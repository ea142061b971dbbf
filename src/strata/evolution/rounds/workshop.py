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
from strata.evolution.models import open_model, put_model
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.rounds import Demands, Parts, Rounds
from strata.evolution.search import TECHNIQUES, Space
from strata.evolution.suites import Suite, named_suites
from strata.store import GenerationLog, IncidentLog, Store

MOST_GROUPS = 3  # of layers, that have weights of their own


@dataclass(frozen=True)
class Order:
    """What is to be bred: from `parents`, model folders that were trained from `base`, if there is one.

    suites: names of what the models are tested on, see `named_suites`.
    """

    parents: Sequence[Path]
    base: Path | None
    demands: Demands
    suites: Sequence[str] = ("small",)
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

    home: folder of the cache of answers. Raises StrataError for suites and founders that cannot be read
    or do not fit together.
    """
    with ExitStack() as stack:
        suites = _suites(order)
        family = stack.enter_context(Family(store, ledger))
        founders = _enter(family, store, order)
        pool = stack.enter_context(
            MergePool(store, order.workers, memory_bytes=order.memory_bytes, timeout_seconds=order.timeout_seconds)
        )
        championship = stack.enter_context(Championship(store, ledger, merge=PoolMerge(pool)))
        generations, incidents = GenerationLog(ledger), IncidentLog(ledger)
        stack.callback(generations.close)
        stack.callback(incidents.close)
        cache = AnswerCache(home / "answers.sqlite")
        examiner = stack.enter_context(Examiner(store, suites, cache, local_scorer, seed=order.demands.seed))
        parts = Parts(store, examiner, family, championship, generations, incidents, pool.merge_all)
        parents = tuple(founders[parent.name] for parent in order.parents)
        base = founders[order.base.name] if order.base else None
        space = _space(store, championship, founders, parents, base)
        crowned = _crown(Rounds(order.demands, parts, space), championship, [base] if base else parents)
        yield Workshop(Rounds(order.demands, parts, space, crowned), parts, founders)


def _suites(order: Order) -> dict[str, Suite]:
    suites, fewest = named_suites(order.suites), order.demands.policy.fewest_items
    for suite in suites.values():
        if (least := suite.capacity("gate")) < fewest:
            raise StrataError(
                f"suite {suite.name} has {least} items for the gate of one generation, which judges by {fewest} or "
                "more: give it more items"
            )
    return suites


def _enter(family: Family, store: Store, order: Order) -> dict[str, str]:
    folders = [*order.parents, *([order.base] if order.base else [])]
    names = [folder.name for folder in folders]
    if len(set(names)) < len(names):
        raise StrataError(f"two founders have the same folder name: {', '.join(names)}")
    founders = {folder.name: put_model(store, folder).digest for folder in folders}
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
