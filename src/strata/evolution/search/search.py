"""Ask and tell: a search that can stop after any call and go on from a JSON text."""

import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Protocol

import numpy as np

from strata.errors import StrataError
from strata.evolution.search.genome import BadSpace, Genome, Space, draw, key, parse
from strata.evolution.search.trials import Past, Trial

MOST_CHILDREN = 10_000
_TRIES = 100  # draws for one child before the space counts as exhausted
_FORMAT = 1


class BadSearch(StrataError):
    """A state that is none, or results for children that were not asked for."""


class Strategy(Protocol):
    """Which genomes to try next: a pure function of the past and of `random`, so that it has no state to lose."""

    @property
    def name(self) -> str:
        """Unlike that of any other strategy."""

    def propose(self, past: Past, count: int, random: np.random.Generator) -> Sequence[Genome]:
        """Up to `count` genomes. What was tried before is left out by `Search`, which then draws at random."""
        ...


class Search:
    """Proposes children, a generation at a time, and learns how they did.

    Equal seeds and results give equal children. No recipe is proposed twice.
    """

    def __init__(self, strategy: Strategy, past: Past, seed: int) -> None:
        self.strategy = strategy
        self.past = past
        self.seed = seed
        self.pending: tuple[Genome, ...] = ()
        self._seen = {key(past.space, trial.genome) for trial in past.trials}

    def ask(self, count: int) -> tuple[Genome, ...]:
        """The next `count` children, or fewer where the space holds no more; again the same ones until told.

        Raises BadSearch for a count that differs from that of the children who wait to be told.
        """
        if not 1 <= count <= MOST_CHILDREN:
            raise BadSearch(f"a generation has 1 to {MOST_CHILDREN} children, not {count}")
        if self.pending:
            return self.pending
        random = np.random.default_rng([self.seed, self.past.generations])
        found: dict[str, Genome] = {}
        proposed = self.strategy.propose(self.past, count, random)
        for genome in proposed[:count]:
            self._add(found, genome)
        for _ in range(_TRIES * count):
            if len(found) >= count:
                break
            self._add(found, draw(self.past.space, random))
        self.pending = tuple(found.values())
        return self.pending

    def tell(self, scores: Sequence[Mapping[str, float] | None]) -> None:
        """Scores by domain of all children asked for, in their order; None for a child that failed.

        Raises BadSearch, and learns nothing, where they do not fit.
        """
        if not self.pending or len(scores) != len(self.pending):
            raise BadSearch(f"{len(scores)} results for {len(self.pending)} children")
        generation = self.past.generations
        trials = [
            Trial(genome, None if given is None else _checked(given, self.past.weights), generation)
            for genome, given in zip(self.pending, scores, strict=True)
        ]
        self.past = replace(self.past, trials=(*self.past.trials, *trials))
        self._seen |= {key(self.past.space, genome) for genome in self.pending}
        self.pending = ()

    def to_json(self) -> str:
        """The state, with which `from_json` goes on as if nothing had happened."""
        past = self.past
        fields = {
            "format": _FORMAT,
            "strategy": self.strategy.name,
            "seed": self.seed,
            "weights": dict(past.weights),
            "rewards": {name: list(values) for name, values in past.rewards.items()},
            "trials": [
                trial.genome.to_fields() | {"scores": trial.scores and dict(trial.scores), "born": trial.generation}
                for trial in past.trials
            ],
            "pending": [genome.to_fields() for genome in self.pending],
        }
        return json.dumps(fields, allow_nan=False)

    @classmethod
    def from_json(cls, strategy: Strategy, space: Space, text: str | bytes) -> "Search":
        """Inverse of `to_json`. Raises BadSearch, also for a state of another strategy or space."""
        try:
            fields = json.loads(text)
            if fields["format"] != _FORMAT or fields["strategy"] != strategy.name:
                raise BadSearch(f"no state of strategy {strategy.name}")
            weights = {str(domain): float(weight) for domain, weight in fields["weights"].items()}
            rewards = {str(name): tuple(map(float, values)) for name, values in fields["rewards"].items()}
            trials = tuple(_trial(space, trial, weights) for trial in fields["trials"])
            search = cls(strategy, Past(space, trials, weights, rewards), int(fields["seed"]))
            search.pending = tuple(parse(space, genome) for genome in fields["pending"])
        except (KeyError, TypeError, ValueError, AttributeError, RecursionError, BadSpace) as error:
            raise BadSearch(f"no state of a search in this space: {error}") from error
        return search

    def _add(self, found: dict[str, Genome], genome: Genome) -> None:
        name = key(self.past.space, genome)
        if name not in self._seen:
            found.setdefault(name, genome)


def _trial(space: Space, fields: Mapping[str, Any], weights: Mapping[str, float]) -> Trial:
    scores = fields["scores"]
    return Trial(parse(space, fields), None if scores is None else _checked(scores, weights), int(fields["born"]))


def _checked(scores: Mapping[str, float], weights: Mapping[str, float]) -> dict[str, float]:
    if not weights.keys() <= scores.keys():
        raise BadSearch(f"scores are needed for {', '.join(weights)}; there are {', '.join(scores) or 'none'}")
    numbers = {domain: float(scores[domain]) for domain in weights}
    if not all(map(math.isfinite, numbers.values())):
        raise BadSearch("a score is not finite: a child without scores is told as None")
    return numbers
