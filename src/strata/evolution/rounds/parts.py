"""What a generation is made with, what is asked of it, and how it ends."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from typing import Literal

from strata.evolution.lineage import Championship, Family
from strata.evolution.merge import Merged, MergeFailed
from strata.evolution.recipes import Recipe
from strata.evolution.regression import GatePolicy
from strata.evolution.rounds.examiner import Examiner
from strata.store import GenerationLog, IncidentLog, Store

Breed = Callable[[Sequence[Recipe]], Iterable[Merged | MergeFailed]]
Ending = Literal["promoted", "kept", "proposed", "failed"]


@dataclass(frozen=True)
class Demands:
    """What a generation is: so many `children`, each scored on `search_items` of every domain, then the `policy`.

    `manual`: nothing is promoted without approval.
    """

    strategy: str = "adaptive"
    children: int = 8
    search_items: int = 250
    seed: int = 0
    policy: GatePolicy = field(default_factory=GatePolicy)
    manual: bool = False


@dataclass(frozen=True)
class Conclusion:
    """How a generation ended; `candidate` is None where no child could be examined.

    `champion`: after it, and its fitness on the search items. `approval`: number of the question asked of a person.
    """

    generation: int
    ending: Ending
    candidate: str | None
    champion: str
    champion_fitness: float
    approval: int | None = None


@dataclass(frozen=True)
class Parts:
    """What generations are made with, all of one store and ledger; opened, and closed, by whoever made them.

    breed: carries out recipes, and gives an outcome for each in their order. mend: has damaged founders whole again;
    digests of those that are.
    """

    store: Store
    examiner: Examiner
    family: Family
    championship: Championship
    generations: GenerationLog
    incidents: IncidentLog
    breed: Breed
    mend: Callable[[], Sequence[str]] = tuple
