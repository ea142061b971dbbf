"""Rebuilding by the worker processes that bred the models."""

from typing import TYPE_CHECKING

from strata.errors import StrataError
from strata.evolution.lineage.rebuilding import Child
from strata.evolution.recipes import Recipe

if TYPE_CHECKING:
    from strata.evolution.merge import Merged, MergePool


class NotMerged(StrataError):
    """The pool could not carry a recipe out again; says why."""


def child_of(merged: "Merged") -> Child:
    """What the lineage remembers of an outcome of the pool, to compare when it is rebuilt."""
    engine = merged.engine
    threads = f"{engine.threads} thread{'s' if engine.threads > 1 else ''}"
    return Child(merged.digest, f"mergekit {engine.mergekit}, torch {engine.torch}, {engine.capability}, {threads}")


class PoolMerge:
    """A `Merge` by a pool."""

    def __init__(self, pool: "MergePool") -> None:
        self._pool = pool

    def __call__(self, recipe: Recipe, /) -> Child:
        """The child, in the pool's store. Raises NotMerged."""
        from strata.evolution.merge import Merged

        outcome = self._pool.merge(recipe)
        if isinstance(outcome, Merged):
            return child_of(outcome)
        raise NotMerged(f"{outcome.kind}: {outcome.detail}")
