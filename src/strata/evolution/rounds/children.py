"""What became of a generation's recipes, as data that outlives the process."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace

from pydantic import TypeAdapter, ValidationError

from strata.evolution.history import fitness
from strata.evolution.merge import Merged, MergeFailed
from strata.evolution.recipes import Recipe


@dataclass(frozen=True)
class Child:
    """A recipe carried out: `model` is the digest of what it gave; None where it failed, and why.

    `recipe`: canonical JSON. `scores`: share of search items answered rightly, by domain; None before it was examined.
    """

    recipe: str
    model: str | None = None
    failure: str | None = None
    detail: str = ""
    scores: Mapping[str, float] | None = None

    @property
    def method(self) -> str:
        """mergekit's name of the merge method."""
        return Recipe.from_json(self.recipe).method

    @property
    def fitness(self) -> float | None:
        """Weighted mean of the scores; None without."""
        return None if self.scores is None else fitness(self.scores)

    def bred(self, outcome: Merged | MergeFailed) -> "Child":
        """The same once it was merged, maybe at a second attempt, or was not."""
        if isinstance(outcome, Merged):
            return replace(self, model=outcome.digest, failure=None, detail="")
        return replace(self, failure=outcome.kind, detail=outcome.detail)

    def failed(self, kind: str, detail: str) -> "Child":
        """The same, of no use after all."""
        return replace(self, failure=kind, detail=detail, scores=None)


_CHILDREN = TypeAdapter(tuple[Child, ...])


def to_json(children: Sequence[Child]) -> bytes:
    """The children in their order."""
    return json.dumps([asdict(child) for child in children], sort_keys=True, allow_nan=False).encode()


def from_json(data: bytes) -> tuple[Child, ...]:
    """Inverse of `to_json`; raises ValueError."""
    try:
        return _CHILDREN.validate_json(data)
    except ValidationError as error:
        raise ValueError("not a generation's children") from error


def best(
    children: Sequence[Child], champion: Mapping[str, float] | None = None, margins: Mapping[str, float] | None = None
) -> Child | None:
    """The fittest that was examined, the first of equals; None where none was.

    With the `champion`'s scores one that does not seem to drop by a domain's margin goes before any that does, since
    the gate would not let the others pass; of those the one that drops least beyond its margins.
    """

    def rank(child: Child) -> tuple[float, float]:
        assert child.scores is not None
        if champion is None or margins is None:
            return 0.0, fitness(child.scores)
        spare = min(child.scores[domain] - champion[domain] + margin for domain, margin in margins.items())
        return min(spare, 0.0), fitness(child.scores)

    return max((child for child in children if child.scores is not None), key=rank, default=None)
