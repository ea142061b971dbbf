"""Recipes as points: a method, a choice of parents, and genes in the unit interval.

Every genome has all genes of its space, whether its method and parents use them or not, so that genomes of different
methods can be crossed, and a parent that comes back brings its weights along.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
from numpy.typing import NDArray

from strata.errors import StrataError
from strata.evolution.search.techniques import TECHNIQUES, Technique

MOST_PARENTS = 64
MOST_GENES = 20_000
DIGITS = 3  # of a gene: finer differences are below what any evaluation resolves


class BadSpace(StrataError):
    """A space that holds no recipe, or a genome that is not of this space."""


@dataclass(frozen=True, order=True)
class Block:
    """Tensors that share one weight: those whose names contain `kind`, of one group of layers.

    `group` is None for tensors outside of the layers. An empty `kind` is everything that no other block names.
    """

    kind: str
    group: int | None


@dataclass(frozen=True)
class Space:
    """Which recipes there are.

    `parents` and `base`: digests. `layers` of the models are split into `groups` of nearly equal size; `layered` and
    `single` are parts of tensor names (mergekit's filters), in layers and outside of them.
    """

    parents: tuple[str, ...]
    base: str | None
    layers: int
    methods: tuple[str, ...]
    groups: int = 3
    layered: tuple[str, ...] = ("self_attn", "mlp")
    single: tuple[str, ...] = ("embed_tokens", "lm_head")

    def __post_init__(self) -> None:
        unknown = sorted(set(self.methods) - TECHNIQUES.keys())
        if unknown:
            raise BadSpace(f"no such technique: {', '.join(unknown)}; there are {', '.join(TECHNIQUES)}")
        if not 1 <= self.groups <= self.layers:
            raise BadSpace(f"{self.layers} layers cannot be split into {self.groups} groups")
        if len(set(self.parents)) != len(self.parents) or len(self.parents) > MOST_PARENTS or self.base in self.parents:
            raise BadSpace(f"parents are different models, at most {MOST_PARENTS}, and the base is none of them")
        if not self.usable:
            raise BadSpace(
                f"no method can merge {len(self.parents)} parents {'without' if not self.base else 'with'} base"
            )
        if self.size > MOST_GENES:
            raise BadSpace(f"{self.size} genes are more than {MOST_GENES}: take fewer groups or parents")

    @cached_property
    def usable(self) -> tuple[str, ...]:
        """Methods for which there are enough parents, and a base where one is needed."""
        fits = (TECHNIQUES[name] for name in dict.fromkeys(self.methods))
        return tuple(
            technique.name
            for technique in fits
            if technique.fewest <= len(self.parents) and (self.base or technique.base != "model")
        )

    @cached_property
    def blocks(self) -> tuple[Block, ...]:
        """In the order of their genes."""
        inside = [Block(kind, group) for kind in self.layered for group in range(self.groups)]
        return (*inside, *(Block(kind, None) for kind in self.single), Block("", None))

    @property
    def size(self) -> int:
        """Number of genes: a weight and a density by parent and block, and the scale."""
        return 2 * len(self.parents) * len(self.blocks) + 1

    def group_of(self, layer: int) -> int:
        """The group that a layer belongs to."""
        return layer * self.groups // self.layers

    def weights(self, genes: NDArray[np.float64]) -> NDArray[np.float64]:
        """View of the weights: parents by blocks."""
        return genes[: self.size // 2].reshape(len(self.parents), len(self.blocks))

    def densities(self, genes: NDArray[np.float64]) -> NDArray[np.float64]:
        """View of the densities: parents by blocks."""
        return genes[self.size // 2 : -1].reshape(len(self.parents), len(self.blocks))

    def parent_counts(self, method: str) -> range:
        """How many parents a method may take here."""
        technique = TECHNIQUES[method]
        return range(technique.fewest, min(technique.most or len(self.parents), len(self.parents)) + 1)


@dataclass(frozen=True)
class Genome:
    """A point of a space. `parents`: positions in the space's, ascending. `genes`: in 0..1, laid out by the space."""

    method: str
    parents: tuple[int, ...]
    genes: tuple[float, ...]
    seed: int = 0

    @property
    def technique(self) -> Technique:
        """The method's bounds."""
        return TECHNIQUES[self.method]

    def array(self) -> NDArray[np.float64]:
        """A copy of the genes."""
        return np.array(self.genes)

    def to_fields(self) -> dict[str, Any]:
        """As JSON."""
        return {"method": self.method, "parents": list(self.parents), "genes": list(self.genes), "seed": self.seed}


def make(
    space: Space, method: str, parents: Sequence[int], genes: NDArray[np.float64], random: np.random.Generator
) -> Genome:
    """A genome of the space: genes are clipped and rounded, parents added or left out where the method needs it.

    `random` gives parents to add, and the seed of methods that drop weights at random. Raises BadSpace.
    """
    if method not in space.usable or genes.shape != (space.size,) or not np.isfinite(genes).all():
        raise BadSpace(f"no genome of this space: {method}, {genes.shape} genes")
    counts = space.parent_counts(method)
    chosen = sorted(set(parents))
    while len(chosen) < counts.start:
        chosen.append(int(random.choice([p for p in range(len(space.parents)) if p not in chosen])))
    while len(chosen) >= counts.stop:
        chosen.pop(int(random.integers(len(chosen))))
    rounded = np.round(np.clip(genes, 0.0, 1.0), DIGITS)
    seed = int(random.integers(2**31)) if TECHNIQUES[method].random else 0
    return Genome(method, tuple(sorted(chosen)), tuple(rounded.tolist()), seed)


def parse(space: Space, fields: Mapping[str, Any]) -> Genome:
    """Inverse of `Genome.to_fields`. Raises BadSpace for what is no genome of this space."""
    try:
        method, seed = str(fields["method"]), int(fields["seed"])
        parents, genes = tuple(map(int, fields["parents"])), tuple(map(float, fields["genes"]))
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise BadSpace("not a genome") from error
    if (
        method not in space.usable
        or len(parents) not in space.parent_counts(method)
        or list(parents) != sorted(set(parents) & set(range(len(space.parents))))
        or len(genes) != space.size
        or not all(math.isfinite(gene) and 0 <= gene <= 1 for gene in genes)
    ):
        raise BadSpace("a genome of another space")
    return Genome(method, parents, genes, seed)


def draw(space: Space, random: np.random.Generator) -> Genome:
    """A uniformly random genome: method, number of parents, which ones, and every gene."""
    method = str(random.choice(space.usable))
    counts = space.parent_counts(method)
    count = int(random.integers(counts.start, counts.stop))
    parents = random.permutation(len(space.parents))[:count].tolist()
    return make(space, method, parents, random.random(space.size), random)


def used(space: Space, genome: Genome) -> NDArray[np.bool_]:
    """Which genes the recipe depends on."""
    mask = np.zeros(space.size)
    technique, rows = genome.technique, list(genome.parents)
    if technique.weight:
        space.weights(mask)[rows] = 1
    if technique.blend:
        space.weights(mask)[rows[-1]] = 1
    if technique.density:
        space.densities(mask)[rows] = 1
    if technique.scale:
        mask[-1] = 1
    return mask.astype(bool)


def key(space: Space, genome: Genome) -> str:
    """Equal for genomes whose recipes are equal but for the seed."""
    values = np.round(genome.array()[used(space, genome)], DIGITS)
    return f"{genome.method}/{','.join(map(str, genome.parents))}/{','.join(map(str, values.tolist()))}"


def distance(space: Space, one: Genome, other: Genome) -> float:
    """How far two recipes are apart, in 0..1: root mean square over genes that either uses, methods and parents too."""
    mask = used(space, one) | used(space, other)
    apart = float(np.mean((one.array() - other.array())[mask] ** 2)) if mask.any() else 0.0
    exchanged = len(set(one.parents) ^ set(other.parents)) / len(space.parents)
    return math.sqrt((apart + exchanged + (one.method != other.method)) / 3)


def layer_values(space: Space, values: Sequence[float]) -> Iterator[float]:
    """One value a layer from one a group."""
    return (values[space.group_of(layer)] for layer in range(space.layers))
