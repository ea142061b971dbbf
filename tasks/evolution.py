"""The stages of the evolution pipeline: enter, propose, breed, examine, judge, promote, confirm, conclude, compare."""

import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from prefect.transactions import Transaction, get_transaction
from rich.progress import Progress

from strata.evolution.regression import GatePolicy, Judgement, Verdict, judge
from strata.evolution.report import COMPARISON
from strata.evolution.rounds import (
    Admission,
    Conclusion,
    Demands,
    Order,
    Watched,
    Workshop,
    open_workshop,
    regression_in,
    watch_champion,
)
from strata.evolution.suites import BadSuite
from strata.memory import available_memory
from strata.settings import Settings
from strata.store import ArtifactRef, Change, open_store
from tasks.evolution_events import announce_champion, announce_regression
from tasks.evolution_founders import Founders
from tasks.evolution_helpers import helpers_of
from tasks.evolution_parameters import EvolutionParameters
from tasks.evolution_report import publish_evolution
from tasks.evolution_results import GenerationOutcome
from tasks.evolution_rollback import roll_back
from tasks.failures import stage
from tasks.terminal import console

if TYPE_CHECKING:
    from strata.inference import Place

_ADVICE = {BadSuite: "ask for fewer items."}
_OTHERWISE = "see the message; run it again, and it goes on where it was."


class ChampionRegressed(Exception):
    """A champion that is worse than the one before it on fresh items: ends the transaction that promoted it."""


@contextmanager
def open_shop(
    parameters: EvolutionParameters, founders: Founders, settings: Settings, admitted: Admission | None = None
) -> Iterator[Workshop]:
    """The founders in the store, worker processes that merge, and all else that a generation needs.

    admitted: what merging may take, in the place of the parameters.
    """
    half = available_memory() // 2
    memory, workers = parameters.memory * (1 << 20) or half, parameters.workers
    if admitted is not None:
        memory, workers = admitted.merging, admitted.workers
    order = Order(
        parents=founders.parents,
        base=founders.base,
        demands=Demands(
            strategy=parameters.strategy,
            children=parameters.children,
            search_items=parameters.search_items,
            seed=parameters.seed,
            policy=GatePolicy(gain=parameters.gain, most_items=parameters.gate_items),
            manual=_manual(parameters, settings),
        ),
        suites=parameters.suites,
        workers=workers,
        memory_bytes=memory,
        timeout_seconds=parameters.timeout,
        mesh=_mesh(parameters, settings),
        scoring_bytes=parameters.scoring_memory * (1 << 20) or half,
    )
    with ExitStack() as stack:
        order = replace(order, helpers=stack.enter_context(helpers_of(settings, parameters.timeout)))
        with stage("enter", {}, "name model folders that can be read and that have one architecture."):
            shop = stack.enter_context(open_workshop(order, settings.home, open_store(settings), settings.ledger))
        yield shop


@task(name="propose", cache_policy=NO_CACHE)
def propose_recipes(shop: Workshop) -> int:
    """Take up the generation that a killed run left, or begin a new one; returns its number."""
    with stage("propose", _ADVICE, _OTHERWISE):
        generation = shop.rounds.begin()
        children = shop.rounds.propose(generation)
    methods = ", ".join(sorted({child.method for child in children}))
    _say(f"Generation {generation}: {len(children)} recipes ({methods})")
    return generation


@task(name="breed", cache_policy=NO_CACHE)
def breed_children(shop: Workshop, generation: int) -> int:
    """Merge the children; returns how many came out."""
    with stage("breed", _ADVICE, _OTHERWISE), _bar("  merging", shop.rounds.demands.children) as advance:
        children = shop.rounds.breed(generation, advance)
    for child in children:
        if child.model is None:
            _say(f"  a {child.method} merge failed ({child.failure}): {child.detail}")
    return sum(child.model is not None for child in children)


@task(name="examine", cache_policy=NO_CACHE)
def examine_children(shop: Workshop, generation: int) -> None:
    """Score the children on the search items."""
    with stage("examine", _ADVICE, _OTHERWISE), _bar("  examining", shop.rounds.demands.children) as advance:
        children = shop.rounds.examine(generation, advance)
    rows = [{"method": child.method, "fitness": child.fitness, **(child.scores or {})} for child in children]
    create_table_artifact(rows, key="evolution-children", description=f"Children of generation {generation}")


@task(name="judge", cache_policy=NO_CACHE)
def judge_best(shop: Workshop, generation: int) -> Judgement | None:
    """Put the fittest child before the gate, on items that no search has seen."""
    with stage("judge", _ADVICE, _OTHERWISE):
        judgement = shop.rounds.judge(generation)
    if judgement is not None:
        _say(f"  {_sentence(judgement)}")
    return judgement


@task(name="promote", cache_policy=NO_CACHE)
def promote_best(shop: Workshop, generation: int, judgement: Judgement | None) -> Change | None:
    """Move the champion's pointer where the gate says so; undone if the transaction around it fails."""
    with stage("promote", _ADVICE, _OTHERWISE):
        change = shop.rounds.promote(generation, judgement)
    if change is not None:
        get_transaction().set("promoted", change.digest)
        announce_champion("promoted", change.digest, {"generation": generation, "previous": change.previous})
    return change


@promote_best.on_rollback
def undo_promotion(transaction: Transaction) -> None:
    """Put the champion before it back, which takes nothing but the store and the ledger."""
    promoted = transaction.get("promoted", default=None)
    if promoted is not None:
        roll_back(Settings(), expected=promoted, reason="worse than the champion before it on fresh items")


@task(name="confirm", cache_policy=NO_CACHE)
def confirm_champion(shop: Workshop, generation: int, change: Change | None) -> None:
    """Judge a new champion once more, on other fresh items; raises ChampionRegressed where it is worse after all.

    Where rollbacks are not automatic an incident stays open instead, and is announced.
    """
    if change is None:
        return
    with stage("confirm", _ADVICE, _OTHERWISE):
        watched = watch(shop, generation)
    if watched is None or watched.judgement.verdict is not Verdict.REGRESS:
        return
    affected = watched.judgement.affected
    if Settings().automated_rollback:
        raise ChampionRegressed(", ".join(affected))
    assert change.previous is not None
    assert watched.incident is not None
    reason = regression_in(affected)
    announce_regression(change.digest, change.previous, watched.incident, reason)
    _say(f"  {change.digest[:12]} is {reason}: incident {watched.incident} stays open")


@task(name="conclude", cache_policy=NO_CACHE)
def conclude_generation(shop: Workshop, generation: int, judgement: Judgement | None) -> GenerationOutcome:
    """End the generation; where the gate could not tell, a person is asked."""
    with stage("conclude", _ADVICE, _OTHERWISE):
        children = shop.rounds.examine(generation)
        conclusion = shop.rounds.conclude(generation, judgement)
    _say(f"  {_ending(conclusion)}")
    return GenerationOutcome(conclusion, children, judgement and judgement.to_dict())


@task(name="compare", cache_policy=NO_CACHE)
def compare_with_parents(shop: Workshop, count: int) -> ArtifactRef:
    """The champion against every parent on at most so many held-back items of each domain, paired, with intervals."""
    standing = shop.parts.championship.standing()
    assert standing is not None
    examiner, policy = shop.parts.examiner, shop.rounds.demands.policy
    with stage("compare", _ADVICE, _OTHERWISE):
        counts = {domain: min(count, examiner.capacity("anchor", domain)) for domain in examiner.domains}
        items = examiner.draw("anchor", 0, counts)
        examiner.ahead((standing.digest, *shop.founders.values()), items)
        ours = examiner.examine(standing.digest, items).scores
        against: dict[str, Any] = {}
        for name, digest in shop.founders.items():
            judged = judge(examiner.examine(digest, items).scores, ours, policy)
            against[name] = judged.to_dict()
    found = {"champion": standing.digest, "items": len(items), "against": against}
    store = shop.parts.store
    return store.put_artifact(json.dumps(found, sort_keys=True).encode(), COMPARISON, "latest")


@task(name="report", cache_policy=NO_CACHE)
def publish_generations(
    shop: Workshop, generations: Sequence[GenerationOutcome], comparison: ArtifactRef
) -> dict[str, Any]:
    """Show the run as an artifact and as a page of the store; returns the figures to record."""
    found = json.loads(shop.parts.store.read(comparison.digest))
    endings = [outcome.conclusion.ending for outcome in generations]
    return {"champion": found["champion"], "endings": endings, "report": publish_evolution(Settings())}


def watch(shop: Workshop, generation: int) -> Watched | None:
    """Judge the champion against the one before it on this generation's items for the watch; None: there is none."""
    parts = shop.parts
    return watch_champion(
        parts.examiner, shop.rounds.demands.policy, parts.championship, parts.incidents, generation=generation
    )


def _mesh(parameters: EvolutionParameters, settings: Settings) -> "Place | None":
    """Where models answer that do not fit here, if anywhere."""
    if not parameters.mesh:
        return None
    from strata.inference import Place  # which imports torch

    identity = Path(parameters.identity) if parameters.identity else settings.home / "identity.json"
    return Place(Path(parameters.mesh), identity, settings.home)


def _manual(parameters: EvolutionParameters, settings: Settings) -> bool:
    """Whether a person decides on every candidate: asked for, or what should decide alone is switched off."""
    return parameters.approval == "always" or not settings.evolution_scheduler or not settings.regression_detection


def _say(sentence: str) -> None:
    """On the terminal of a command-line run, and in the run's log on the server."""
    console.print(sentence)
    get_run_logger().info(sentence.strip())


@contextmanager
def _bar(label: str, total: int) -> Iterator[Callable[[int], None]]:
    """A bar on the terminal, which is gone when the block ends."""
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        bar = progress.add_task(label, total=total)
        yield lambda done: progress.update(bar, completed=done)


def _sentence(judgement: Judgement) -> str:
    overall = judgement.overall
    span = f"{overall.difference:+.4f} overall ({overall.low:+.4f} to {overall.high:+.4f}, {judgement.items:,} items)"
    if judgement.affected:
        return f"regress: worse in {', '.join(judgement.affected)}; {span}"
    return f"{judgement.verdict.value}: {'; '.join((span, *judgement.missing))}"


def _ending(conclusion: Conclusion) -> str:
    model = conclusion.candidate and conclusion.candidate[:12]
    return {
        "promoted": f"{model} is champion",
        "kept": "the champion stays",
        "proposed": f"{model} waits for a decision: `strata evolution approve {conclusion.approval}` or `reject`",
        "failed": "no child could be examined; the champion stays",
    }[conclusion.ending]
