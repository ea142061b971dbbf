"""Ranking digits, the one that is there most often, and how a sequence goes on."""

import random
from itertools import combinations

from strata.evolution.suites.small.template import Parts, Question, Template, distinct, falling

_DIGITS = "0123456789"
_SIX = falling(10, 6)
_THREES = tuple(combinations(range(6), 3))
# First digit and step of every sequence of three digits.
_RUNS = tuple((start, step) for start in range(10) for step in range(-4, 5) if 0 <= start + 2 * step <= 9)


def _third(parts: Parts, chance: random.Random) -> Question:
    digits = distinct(_DIGITS, parts)
    ranked = sorted(digits, reverse=True)
    return Question(f"3rd({digits})?", ranked[2], [ranked[1], ranked[3], *chance.sample(digits, 6)])


def _fourth(parts: Parts, chance: random.Random) -> Question:
    digits = distinct(_DIGITS, parts)
    ranked = sorted(digits, reverse=True)
    return Question(f"4th({digits})?", ranked[3], [ranked[2], ranked[4], *chance.sample(digits, 6)])


def _most(parts: Parts, chance: random.Random) -> Question:
    chosen = distinct(_DIGITS, parts[1:])
    right, once = chosen[0], chosen[1:]
    rest = iter(once)
    digits = "".join(right if place in _THREES[parts[0]] else next(rest) for place in range(6))
    return Question(f"most({digits})?", right, chance.sample(once, 3))


def _sequence(parts: Parts, chance: random.Random) -> Question:
    """Three terms of as many digits, each of which has a step of its own."""
    runs = [_RUNS[part] for part in parts]
    first, second, right = ("".join(str(start + number * step) for start, step in runs) for number in range(3))
    wrong = [second]
    for place, digit in enumerate(right):
        near = [other for other in (int(digit) - 1, int(digit) + 1) if 0 <= other <= 9]
        wrong += [right[:place] + str(other) + right[place + 1 :] for other in near]
    return Question(f"{first},{second},", right, chance.sample(wrong, len(wrong)))


TEMPLATES = (
    Template("reasoning", "third", _SIX, _third),
    Template("reasoning", "fourth", _SIX, _fourth),
    Template("reasoning", "most", (len(_THREES), *falling(10, 4)), _most),
    Template("reasoning", "sequence", (len(_RUNS),) * 3, _sequence),
)
