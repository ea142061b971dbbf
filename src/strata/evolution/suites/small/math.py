"""The number before and after, rounding, and which of two numbers is larger."""

import random

from strata.evolution.suites.small.template import Parts, Question, Template


def _near(right: int, chance: random.Random, *first: int) -> list[str]:
    """`first`, then numbers that differ from `right` in one place."""
    offsets = [-1000, -100, -10, -2, -1, 1, 2, 10, 100, 1000]
    chance.shuffle(offsets)
    return [str(number) for number in (*first, *(right + offset for offset in offsets))]


def _next(parts: Parts, chance: random.Random) -> Question:
    number = 10_000 + parts[0]
    return Question(f"next({number})=", str(number + 1), _near(number + 1, chance, number + 11))


def _previous(parts: Parts, chance: random.Random) -> Question:
    number = 10_000 + parts[0]
    return Question(f"prev({number})=", str(number - 1), _near(number - 1, chance, number - 11))


def _round(parts: Parts, chance: random.Random) -> Question:
    number = 10_000 + parts[0]
    down = number // 10 * 10
    right = down + 10 if number % 10 >= 5 else down
    return Question(f"round({number})=", str(right), [str(2 * down + 10 - right), *_near(right, chance, right + 100)])


def _larger(parts: Parts, chance: random.Random) -> Question:
    a, b = 1000 + parts[0], 1000 + (parts[0] + 1 + parts[1]) % 9000
    large, small = max(a, b), min(a, b)
    mixed = (f"{large}"[:2] + f"{small}"[2:], f"{small}"[:2] + f"{large}"[2:])
    return Question(f"{a}?{b}=", str(large), [str(small), *mixed, *_near(large, chance)])


TEMPLATES = (
    Template("math", "next", (90_000 - 1,), _next),
    Template("math", "previous", (90_000,), _previous),
    Template("math", "round", (90_000 - 5,), _round),
    Template("math", "larger", (9000, 8999), _larger),
)
