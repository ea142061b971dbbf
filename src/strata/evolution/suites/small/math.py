"""Sums and differences of two numbers of three digits, none of whose places carries or borrows."""

import random

from strata.evolution.suites.small.template import Parts, Question, Template

_PAIRS = tuple((a, b) for a in range(10) for b in range(a + 1))  # a digit, and what can be taken from it
_SIZES = (len(_PAIRS),) * 3


def _off_by_little(right: str, chance: random.Random) -> list[str]:
    """`right` with one digit too high or too low by 1 or 2, in random order."""
    found = []
    for place, digit in enumerate(right):
        near = [d for d in range(max(0, int(digit) - 2), min(9, int(digit) + 2) + 1) if d != int(digit)]
        found += [right[:place] + str(d) + right[place + 1 :] for d in near]
    chance.shuffle(found)
    return found


def _columns(parts: Parts) -> tuple[str, str, str]:
    """Two numbers, and their difference."""
    pairs = [_PAIRS[part] for part in parts]
    large, small = ("".join(str(pair[which]) for pair in pairs) for which in (0, 1))
    return large, small, "".join(str(a - b) for a, b in pairs)


def _add(parts: Parts, chance: random.Random) -> Question:
    right, first, second = _columns(parts)
    return Question(f"{first}+{second}=", right, _off_by_little(right, chance))


def _subtract(parts: Parts, chance: random.Random) -> Question:
    first, second, right = _columns(parts)
    return Question(f"{first}-{second}=", right, _off_by_little(right, chance))


TEMPLATES = (Template("math", "add", _SIZES, _add), Template("math", "subtract", _SIZES, _subtract))
