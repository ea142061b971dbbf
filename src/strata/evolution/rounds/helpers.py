"""Other processes, on whichever machines, that merge and answer what a run asks them.

What goes to them and back is small: recipes, digests, answers. The bytes of models lie in the store, which both see.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

from strata.evolution.evaluate import Answer
from strata.evolution.merge import Merged, MergeFailed
from strata.evolution.recipes import Recipe
from strata.evolution.suites import Item


@dataclass(frozen=True)
class Asked:
    """These items, for the model of that digest."""

    model: str
    items: tuple[Item, ...]


class Helpers(Protocol):
    """What they are asked for. Results come in the order of what was asked, and are those of this process, bit for bit:
    the same code on as many threads."""

    def merge_all(self, recipes: Sequence[Recipe]) -> Iterable[Merged | MergeFailed]:
        """Carry out all recipes; what befalls a helper costs one child at most."""
        ...

    def answer_all(self, asked: Sequence[Asked]) -> Iterable[Sequence[Answer] | None]:
        """Answers of each model to its items, in their order; None where they could not be had."""
        ...
