"""Everything that generations are made with, opened together and closed together."""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from strata.errors import StrataError
from strata.evolution.evaluate import AnswerCache, local_scorer, scorer_for
from strata.evolution.lineage import Championship, Family, PoolMerge, damage
from strata.evolution.merge import MergePool
from strata.evolution.models import open_model
from strata.evolution.rounds.entering import Founders
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.founders import Founder
from strata.evolution.rounds.helpers import Helpers
from strata.evolution.rounds.parts import Demands, Parts
from strata.evolution.rounds.rounds import Rounds
from strata.evolution.rounds.shelf import Load
from strata.evolution.search import TECHNIQUES, Space
from strata.evolution.suites import Suite, named_suites
from strata.store import GenerationLog, IncidentLog, Store

if TYPE_CHECKING:
    from strata.inference import Place

MOST_GROUPS = 3  # of layers, that have weights of their own


@dataclass(frozen=True)
class Order:
    """What is to be bred: from `parents`, models that were trained from `base`, if there is one.

    Each is a model folder or lies in the store already.
    suites: names of what the models are tested on, see `named_suites`.
    mesh: whose nodes answer items with models for which this process would take more than `scoring_bytes`; without one
    all models answer here.
    helpers: who merges, in the place of `workers`, and without a mesh also answers beforehand; None: this process and
    those it starts.
    """

    parents: Sequence[Founder]
    base: Founder | None
    demands: Demands
    suites: Sequence[str] = ("small",)
    workers: int = 2
    memory_bytes: int | None = None
    timeout_seconds: float | None = None
    mesh: "Place | None" = None
    scoring_bytes: int = 0
    helpers: Helpers | None = None


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

    What was damaged since the last time is mended first: founders from their folders, the champion from its recipe, or
    else the last good one takes its place. A parent that holds NaN is left out.

    home: folder of the cache of answers. Raises StrataError for suites and founders that cannot be read or do not fit
    together.
    """
    with ExitStack() as stack:
        suites = _suites(order)
        family = stack.enter_context(Family(store, ledger))
        generations, incidents = GenerationLog(ledger), IncidentLog(ledger)
        stack.callback(generations.close)
        stack.callback(incidents.close)
        entering = Founders(family, incidents, order.parents, order.base)
        founders = entering.enter()
        pool = stack.enter_context(
            MergePool(store, order.workers, memory_bytes=order.memory_bytes, timeout_seconds=order.timeout_seconds)
        )
        championship = stack.enter_context(Championship(store, ledger, merge=PoolMerge(pool)))
        championship.mend()
        load = scorer_for(order.mesh, order.scoring_bytes) if order.mesh else local_scorer
        answering = None if order.mesh else order.helpers
        examiner = stack.enter_context(
            open_examiner(home, store, suites, load, seed=order.demands.seed, helpers=answering)
        )
        breed = order.helpers.merge_all if order.helpers else pool.merge_all
        parts = Parts(store, examiner, family, championship, generations, incidents, breed, entering.mend)
        parents = tuple(founders[parent.name] for parent in order.parents if parent.name in founders)
        base = founders[order.base.name] if order.base else None
        space = _space(store, championship, founders, parents, base)
        _crown(Rounds(order.demands, parts, space), championship, [base] if base else parents)
        yield Workshop(Rounds(order.demands, parts, space, _anchor(store, championship)), parts, founders)


def open_examiner(
    home: Path,
    store: Store,
    suites: Mapping[str, Suite],
    load: Load = local_scorer,
    *,
    seed: int,
    helpers: Helpers | None = None,
) -> Examiner:
    """Models of the store before these suites; home: folder of the cache of answers. To be closed."""
    return Examiner(store, suites, AnswerCache(home / "answers.sqlite"), load, seed=seed, helpers=helpers)


def _suites(order: Order) -> dict[str, Suite]:
    suites, fewest = named_suites(order.suites), order.demands.policy.fewest_items
    for suite in suites.values():
        if (least := suite.capacity("gate")) < fewest:
            raise StrataError(
                f"suite {suite.name} has {least} items for the gate of one generation, which judges by {fewest} or "
                "more: give it more items"
            )
    return suites


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


def _crown(rounds: Rounds, championship: Championship, eligible: Sequence[str]) -> None:
    if not championship.history():
        rounds.crown(eligible)


def _anchor(store: Store, championship: Championship) -> str:
    """The first champion there ever was, with whom all that come after it are compared; of those that are whole."""
    changes = championship.history()[::-1]
    return next((change.digest for change in changes if damage(store, change.digest) is None), changes[-1].digest)


def _config(store: Store, digest: str) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(store.read(open_model(store, digest).files["config.json"]))
    return config
