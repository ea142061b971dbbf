"""The evolution pipeline: merges of models are bred, tested, and promoted only where the statistics say so.

    (propose -> breed -> examine -> judge -> promote -> confirm -> conclude) for each generation -> compare

`python -m flows.evolution --help` says how to run it from the command line; the deployments are in `prefect.yaml`.
"""

if __name__ == "__main__":
    # The command line sets Prefect up before importing it, and prints its help without it.
    from importlib import import_module

    from flows.command import main
    from flows.evolution_command import COMMAND

    raise SystemExit(main(COMMAND, lambda: import_module("flows.evolution").run))

from contextlib import suppress
from dataclasses import asdict

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.transactions import transaction

from strata.evolution.rounds import Workshop
from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.evolution import (
    ChampionRegressed,
    breed_children,
    compare_with_parents,
    conclude_generation,
    confirm_champion,
    examine_children,
    judge_best,
    open_shop,
    promote_best,
    propose_recipes,
    publish_generations,
)
from tasks.evolution_approval import settle_candidate
from tasks.evolution_founders import Founders, find_founders
from tasks.evolution_parameters import EvolutionParameters
from tasks.evolution_results import (
    EvolutionOutcome,
    GenerationOutcome,
    forget_generations,
    generations_so_far,
    keep_generations,
)
from tasks.evolution_turn import BUSY, be_modest, crowded, no_room, room, switched_off, turn
from tasks.occasion import Occasion, occasion
from tasks.record import recorded, skipped

DEMONSTRATION = EvolutionParameters()
PIPELINE = "evolution"


@flow(name="evolution", timeout_seconds=43200, flow_run_name="evolution-of-{parameters.generations}", **ENDINGS)
def run(parameters: EvolutionParameters = DEMONSTRATION) -> EvolutionOutcome | State:
    """Breed generations of merges, and promote a child only where it is better overall and no worse in any domain.

    Args:
        parameters: The parents, how many generations of how many children, and what the gate demands. The defaults are
            the demonstration: three generations from the shipped models.
    """
    settings, started = Settings(), occasion()
    if reason := switched_off(settings, started):
        return skipped(PIPELINE, settings, reason)
    with turn(settings, wait=not parameters.beside_training) as mine:
        return _run(parameters, settings, started) if mine else skipped(PIPELINE, settings, BUSY)


def _run(parameters: EvolutionParameters, settings: Settings, started: Occasion) -> EvolutionOutcome | State:
    founders = find_founders(parameters, settings)
    if isinstance(founders, str):
        return skipped(PIPELINE, settings, founders)
    admitted = None
    if parameters.beside_training:
        admitted = room(parameters, founders, settings)
        if not admitted.workers:
            return skipped(PIPELINE, settings, no_room(admitted), asdict(admitted))
        be_modest()
    with recorded(PIPELINE, settings) as record, open_shop(parameters, founders, settings, admitted) as shop:
        generations = _generations(parameters, shop, founders, started)
        comparison = compare_with_parents(shop, parameters.comparison_items)
        record.update(publish_generations(shop, generations, comparison))
        forget_generations(shop.parts.store, started.run)
    return EvolutionOutcome(generations, comparison)


def _generations(
    parameters: EvolutionParameters, shop: Workshop, founders: Founders, started: Occasion
) -> list[GenerationOutcome]:
    """Those of this run, the ones included that it bred before it was suspended or killed."""
    store = shop.parts.store
    done = generations_so_far(store, started.run)
    while True:
        if done:
            done[-1] = settle_candidate(shop, parameters, done[-1], started)
            keep_generations(store, started.run, done)
        if len(done) >= parameters.generations or (done and crowded(parameters, founders, Settings())):
            return done
        done.append(_generation(shop))
        keep_generations(store, started.run, done)


def _generation(shop: Workshop) -> GenerationOutcome:
    generation = propose_recipes(shop)
    breed_children(shop, generation)
    examine_children(shop, generation)
    judgement = judge_best(shop, generation)
    # Without retries: a second attempt would be a transaction of its own, and would roll the first one back.
    with suppress(ChampionRegressed), transaction():
        change = promote_best(shop, generation, judgement)
        confirm_champion(shop, generation, change)
    return conclude_generation(shop, generation, judgement)
