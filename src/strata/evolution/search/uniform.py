"""The baseline: every recipe is as likely as any other."""

from dataclasses import dataclass

import numpy as np

from strata.evolution.search.genome import Genome, draw
from strata.evolution.search.trials import Past


@dataclass(frozen=True)
class Uniform:
    """Uniformly random genomes."""

    name: str = "random"

    def propose(self, past: Past, count: int, random: np.random.Generator) -> list[Genome]:
        """`count` draws."""
        return [draw(past.space, random) for _ in range(count)]
