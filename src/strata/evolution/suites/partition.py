"""Which items of a space serve which purpose: parts that share none, by construction.

The space is shuffled once, for good, and cut: each purpose has a stretch of the shuffled positions, and the stretches
of the gate and of the watch over a champion are cut again into one block for each of `GENERATIONS` generations, taken
in turn. A draw shuffles its own block by its seed and takes the first so many: a longer one begins with the shorter.
"""

import hashlib
from typing import Literal, get_args

import numpy as np

from strata.evolution.suites.item import BadSuite
from strata.evolution.suites.permutation import Indices, Permutation

Purpose = Literal["training", "search", "anchor", "gate", "watch"]
GENERATIONS = 32  # after so many the blocks come round again
FRESH = ("gate", "watch")  # purposes whose items differ from generation to generation
# Where the stretch of each ends, in hundredths of a space.
_ENDS: dict[Purpose, int] = {"training": 20, "search": 35, "anchor": 40, "gate": 80, "watch": 100}


def block(size: int, purpose: Purpose, generation: int) -> range:
    """Shuffled positions of a space that this purpose may use in this generation."""
    if purpose not in get_args(Purpose):
        raise BadSuite(f"no purpose {purpose!r:.40}: {', '.join(get_args(Purpose))}")
    if generation < 0:
        raise BadSuite("generations are counted from 0")
    ends = [0, *(size * share // 100 for share in _ENDS.values())]
    number = list(_ENDS).index(purpose)
    begin, end = ends[number], ends[number + 1]
    if purpose not in FRESH:
        return range(begin, end)
    width = (end - begin) // GENERATIONS
    begin += generation % GENERATIONS * width
    return range(begin, begin + width)


def owner(text: str) -> Purpose:
    """The purpose that an item of this text is for, where the text and not a number decides; in the same shares."""
    hundredth = int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") % 100
    return next(purpose for purpose in get_args(Purpose) if hundredth < _ENDS[purpose])


def indices(space: str, size: int, purpose: Purpose, generation: int, *, count: int, seed: int) -> Indices:
    """Which `count` items of the space called `space` a draw consists of, no two of them the same.

    Another seed or generation takes others, or the same in another order; anchors do not change with the generation.
    """
    positions = block(size, purpose, generation)
    if count > len(positions):
        raise BadSuite(f"{space} has {len(positions)} items for {purpose}, {count} were asked for")
    if not count:
        return np.empty(0, np.uint64)
    order = Permutation(len(positions), f"draw {space} {purpose} {0 if purpose == 'anchor' else generation} {seed}")
    drawn = order(np.arange(count, dtype=np.uint64)) + np.uint64(positions.start)
    return Permutation(size, f"space {space}")(drawn)
