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

from prefect import flow
from prefect.client.schemas.objects import State
from prefect.transactions import transaction

from strata.evolution.rounds import Workshop
from strata.settings import Settings
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
from tasks.evolution_parameters import EvolutionParameters
from tasks.evolution_results import EvolutionOutcome, GenerationOutcome
from tasks.record import ALL_OFF, recorded, skipped

DEMONSTRATION = EvolutionParameters()


@flow(name="evolution", flow_run_name="evolution-of-{parameters.generations}")
def run(parameters: EvolutionParameters = DEMONSTRATION) -> EvolutionOutcome | State:
    """Breed generations of merges, and promote a child only where it is better overall and no worse in any domain.

    Args:
        parameters: The parents, how many generations of how many children, and what the gate demands. The defaults are
            the demonstration: three generations from the shipped models.
    """
    settings = Settings()
    if not settings.phase_2:
        return skipped("evolution", settings, ALL_OFF)
    with recorded("evolution", settings) as record, open_shop(parameters, settings) as shop:
        generations = [_generation(shop) for _ in range(parameters.generations)]
        comparison = compare_with_parents(shop)
        record.update(publish_generations(shop, generations, comparison))
    return EvolutionOutcome(generations, comparison)


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
