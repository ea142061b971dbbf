"""Which recipes to try next.

Public face:

- `Space`: which recipes there are; `Genome`: one of them, as a point; `TECHNIQUES`: methods and bounds; `BadSpace`
- `to_recipe`, `to_genome`: translation to recipes and back
- `Search`: ask and tell, stops and resumes; `Past`, `Trial`: what was tried; `recall`: by earlier runs; `BadSearch`
- strategies: `Strategy`, and by name in `STRATEGIES`: `Uniform`, `Genetic`, `CmaEs`, `Adaptive`
- `fronts`, `crowding`: Pareto fronts of arrays; `pareto_front`: of models by name
"""

from collections.abc import Mapping

from strata.evolution.search.adaptive import Adaptive
from strata.evolution.search.cma_es import CmaEs
from strata.evolution.search.genetic import Genetic
from strata.evolution.search.genome import BadSpace, Genome, Space
from strata.evolution.search.pareto import crowding, fronts, pareto_front
from strata.evolution.search.search import BadSearch, Search, Strategy
from strata.evolution.search.techniques import TECHNIQUES, Technique
from strata.evolution.search.translate import recall, to_genome, to_recipe
from strata.evolution.search.trials import Past, Trial
from strata.evolution.search.uniform import Uniform

STRATEGIES: Mapping[str, Strategy] = {
    strategy.name: strategy for strategy in (Adaptive(), CmaEs(), Genetic(), Uniform())
}

__all__ = [
    "STRATEGIES",
    "TECHNIQUES",
    "Adaptive",
    "BadSearch",
    "BadSpace",
    "CmaEs",
    "Genetic",
    "Genome",
    "Past",
    "Search",
    "Space",
    "Strategy",
    "Technique",
    "Trial",
    "Uniform",
    "crowding",
    "fronts",
    "pareto_front",
    "recall",
    "to_genome",
    "to_recipe",
]
