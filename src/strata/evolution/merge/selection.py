"""The k largest of an array: exactly those that a full `torch.argsort(descending=True)` puts first, ties included.

On the CPU torch sorts floats by the C++ library's `std::sort`: introsort, which is not stable, so which of several
equal elements comes before position k depends on its partitions (libstdc++, bits/stl_algo.h: median of three, Hoare's
partition, insertion sort of what is 16 or shorter; after D. R. Musser, Introspective Sorting and Selection Algorithms,
1997). TIES keeps the elements before position k, and magnitudes in bfloat16 are full of ties. What a partition does
depends on its own part alone. So it is enough to follow the part that holds position k, at a cost that grows with n and
not with n log n; and each partition is a handful of numpy calls.
"""

import numpy as np
from numpy.typing import NDArray

_SHORT = 16  # what std::sort leaves to insertion sort

Swaps = tuple[int, NDArray[np.intp], NDArray[np.intp]]


def largest(keys: NDArray[np.integer], k: int) -> NDArray[np.bool_] | None:
    """A mask of the k (1 to n) elements that sorting by falling key puts first; None where introsort turns to a heap.

    keys: one-dimensional; equal keys are ties. Shape of the mask: that of `keys`.
    """
    keys = keys.copy()
    first, last, swaps = 0, len(keys), list[Swaps]()
    levels = 2 * (len(keys).bit_length() - 1)
    while last - first > _SHORT and first < k < last:
        if not levels:
            return None
        levels -= 1
        _median_to_first(keys, first, last, swaps)
        cut = _partition(keys, first, last, swaps)
        first, last = (first, cut) if k <= cut else (cut, last)
    mask = np.zeros(len(keys), np.bool_)
    mask[:first] = True
    order = (
        np.argsort(-keys[first:last].astype(np.int64), kind="stable") if first < k < last else np.arange(last - first)
    )
    mask[first + order[: k - first]] = True
    for offset, left, right in reversed(swaps):  # back to where they were
        part = mask[offset:]
        part[left], part[right] = part[right], part[left]
    return mask


def _median_to_first(keys: NDArray[np.integer], first: int, last: int, swaps: list[Swaps]) -> None:
    """`std::__move_median_to_first` of the second, the middle and the last element."""
    a, b, c = first + 1, first + (last - first) // 2, last - 1
    x, y, z = int(keys[a]), int(keys[b]), int(keys[c])
    middle = (b if y > z else c if x > z else a) if x > y else (a if x > z else c if y > z else b)
    keys[first], keys[middle] = keys[middle], keys[first]
    swaps.append((0, np.array([first]), np.array([middle])))


def _partition(keys: NDArray[np.integer], first: int, last: int, swaps: list[Swaps]) -> int:
    """`std::__unguarded_partition` of [first + 1, last) by the element at `first`; the place of the cut.

    From the left it stops at each element that is not above the pivot, from the right at each that is not below, and
    swaps the two until the places cross; it never looks at what it swapped.
    """
    part, pivot = keys[first + 1 : last], keys[first]
    above = int(np.count_nonzero(part > pivot))
    not_below = part >= pivot
    # They cross between these two counts: no place beyond can be in a swap.
    left = np.flatnonzero(part[: np.count_nonzero(not_below) + 1] <= pivot)
    low = max(above - 1, 0)
    right = np.flatnonzero(not_below[low:])[::-1] + low
    pairs = min(len(left), len(right))
    count = int(np.count_nonzero(left[:pairs] < right[:pairs]))
    stops = [int(left[count])] if count < len(left) else []
    if count:
        stops.append(int(right[count - 1]))
        left, right = left[:count], right[:count]
        part[left], part[right] = part[right], part[left]
        swaps.append((first + 1, left, right))
    return first + 1 + min(stops)
