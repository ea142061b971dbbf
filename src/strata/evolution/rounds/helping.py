"""The other side of `Helpers`: what a helper's process does, with a worker and models that it keeps between tasks."""

import atexit
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from strata.closing import Closing
from strata.evolution.evaluate import Answer, answer_in_batches, local_scorer
from strata.evolution.merge import Merged, MergeFailed, MergePool
from strata.evolution.recipes import Recipe
from strata.evolution.rounds.shelf import Shelf
from strata.evolution.suites import Item
from strata.store import Store, store_at


@dataclass(frozen=True)
class Bench:
    """What a helper works with: the folder of the store, torch's threads for answers, a merge's longest time.

    url: of the place that machines share, of which the folder is then a cache, on each machine its own.
    """

    store: Path
    threads: int
    timeout_seconds: float | None = None
    url: str | None = None


class Helper(Closing):
    """Merges and answers for another process. One thread at a time."""

    def __init__(self, bench: Bench) -> None:
        self._bench, self._store = bench, store_at(bench.store, bench.url)
        # Each opens what it needs when it is asked: a pool's worker, a model.
        self._pool = MergePool(self._store, timeout_seconds=bench.timeout_seconds)
        self._shelf = Shelf(self._store, local_scorer)

    def merge(self, recipe: str) -> Merged | MergeFailed:
        """Carry out a recipe, canonical JSON."""
        return self._pool.merge(Recipe.from_json(recipe))

    def answer(self, model: str, items: str) -> list[Answer]:
        """A model's answers to the items of a blob (see `put_items`).

        Raises ScoringFailed and what `check_out` raises.
        """
        import torch

        torch.set_num_threads(self._bench.threads)
        asked = [Item.from_json(line) for line in self._store.read(items).splitlines()]
        return answer_in_batches(self._shelf.scorer(model), asked)

    def close(self) -> None:
        """End the worker, let go of the models."""
        self._pool.close()
        self._shelf.close()


def put_items(store: Store, items: tuple[Item, ...]) -> str:
    """Store items, one as JSON a line; returns the blob's digest."""
    return store.put("\n".join(item.to_json() for item in items).encode())


@cache
def helper(bench: Bench) -> Helper:
    """This process's helper at that bench, which ends with the process."""
    made = Helper(bench)
    atexit.register(made.close)
    return made
