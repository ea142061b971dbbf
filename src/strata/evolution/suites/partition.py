"""Which items of a space serve which purpose: parts that share none, by construction.

The space is shuffled once, for good, and cut: each purpose has a stretch of the shuffled positions, and the stretches
of the gate and of the watch over a champion are cut again into one block for each of `GENERATIONS` generations, taken
in turn. Once all were taken, the stretch is shuffled anew within itself and cut again: an *epoch* later a generation
gets items that others had before it, a few of each, and never those of another purpose. A draw shuffles its own block
by its seed and takes the first so many: a longer one begins with the shorter.
"""

import hashlib
from typing import Literal, get_args

import numpy as np

from strata.evolution.suites.item import BadSuite
from strata.evolution.suites.permutation import Indices, Permutation

Purpose = Literal["training", "search", "anchor", "gate", "watch"]
GENERATIONS = 32  # of an epoch
FRESH = ("gate", "watch")  # purposes whose items differ from generation to generation
# Where the stretch of each ends, in hundredths of a space.
_ENDS: dict[Purpose, int] = {"training": 20, "search": 35, "anchor": 40, "gate": 80, "watch": 100}


def epoch(generation: int) -> int:
    """How often each item of the gate, and of the watch, may have been drawn before this generation."""
    return generation // GENERATIONS


def block(size: int, purpose: Purpose, generation: int) -> range:
    """Positions of a space, in the order of this generation's epoch, that this purpose may use in this generation."""
    if purpose not in get_args(Purpose):
        raise BadSuite(f"no purpose {purpose!r:.40}: {', '.join(get_args(Purpose))}")
    if generation < 0:
        raise BadSuite("generations are counted from 0")
    stretch = _stretch(size, purpose)
    if purpose not in FRESH:
        return stretch
    width = len(stretch) // GENERATIONS
    begin = stretch.start + generation % GENERATIONS * width
    return range(begin, begin + width)


def _stretch(size: int, purpose: Purpose) -> range:
    ends = [0, *(size * share // 100 for share in _ENDS.values())]
    number = list(_ENDS).index(purpose)
    return range(ends[number], ends[number + 1])


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
    return Permutation(size, f"space {space}")(_mixed(drawn, space, size, purpose, generation))


def _mixed(drawn: Indices, space: str, size: int, purpose: Purpose, generation: int) -> Indices:
    """Positions in the order of the epoch, as positions in that of the first one."""
    if purpose not in FRESH or epoch(generation) == 0:
        return drawn
    stretch = _stretch(size, purpose)
    begin = np.uint64(stretch.start)
    return Permutation(len(stretch), f"epoch {space} {purpose} {epoch(generation)}")(drawn - begin) + begin
