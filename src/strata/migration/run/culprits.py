"""Which of many changes make a check fail."""

from collections.abc import Callable, Sequence
from typing import TypeVar

T = TypeVar("T")
MOST_RUNS = 40


def find_culprits(changes: Sequence[T], fails: Callable[[Sequence[T]], bool]) -> list[T]:
    """The changes without which the check does not fail, by halving (as delta debugging, Zeller 1999, does).

    fails: whether the check fails with some of the changes, in their order; it does with all of them. Where changes
    fail only together, all of that group are culprits. After `MOST_RUNS` runs what is not cleared is a culprit.
    """
    runs = 0

    def search(some: Sequence[T], *, known: bool) -> list[T]:
        nonlocal runs
        if not some:
            return []
        if not known:
            runs += 1
            if runs <= MOST_RUNS and not fails(some):
                return []
        if len(some) == 1 or runs >= MOST_RUNS:
            return list(some)
        half = len(some) // 2
        found = search(some[:half], known=False)
        found += search(some[half:], known=False)
        return found or list(some)

    found = search(changes, known=True)
    rest = [each for each in changes if each not in found]
    return list(changes) if rest and fails(rest) else found
