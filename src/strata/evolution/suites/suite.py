"""A suite: items of one domain that can be drawn for a purpose."""

import hashlib
from dataclasses import dataclass
from typing import Protocol

from strata.evolution.suites.item import Item
from strata.evolution.suites.partition import GENERATIONS, Purpose, block, indices


class Space(Protocol):
    """Numbered items that have something in common: a template, or a file."""

    @property
    def name(self) -> str:
        """Unlike that of any other space of the suite."""

    @property
    def size(self) -> int:
        """How many items there are."""

    def item(self, index: int) -> Item:
        """Item number `index` of 0 .. size-1; no two are the same."""


@dataclass(frozen=True)
class Suite:
    """`version` is a digest of what the suite consists of. Every space has the same share of what is drawn."""

    name: str
    version: str
    domain: str
    spaces: tuple[Space, ...]

    @property
    def label(self) -> str:
        """Name and version, as items carry it."""
        return f"{self.name}@{self.version}"

    def capacity(self, purpose: Purpose) -> int:
        """How many items can be drawn at once."""
        least = min(len(block(space.size, purpose, 0)) for space in self.spaces)
        return least * len(self.spaces)

    def draw(self, purpose: Purpose, generation: int, count: int, seed: int) -> tuple[Item, ...]:
        """`count` items, of each space in turn; a longer draw begins with the shorter one. Raises BadSuite.

        Draws for two purposes share no item, and neither do the gate's, or the watch's, for two generations of one
        epoch of `GENERATIONS`.
        """
        share = -(-count // len(self.spaces))
        drawn = [indices(space.name, space.size, purpose, generation, count=share, seed=seed) for space in self.spaces]
        turns = [(number % len(self.spaces), number // len(self.spaces)) for number in range(count)]
        return tuple(self.spaces[space].item(int(drawn[space][turn])).of(self.label) for space, turn in turns)


def digest_of(spaces: tuple[Space, ...], probes: int = 64) -> str:
    """A version for generated spaces: digest of their sizes and of items spread evenly over each."""
    running = hashlib.sha256(f"{GENERATIONS}".encode())
    for space in spaces:
        running.update(f"{space.name} {space.size}\n".encode())
        for number in range(min(probes, space.size)):
            running.update(space.item(number * space.size // probes).to_json().encode())
    return running.hexdigest()[:16]
