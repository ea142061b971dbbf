"""What a program does to a short text: sort it, rotate it, find its smallest letter, close its brackets."""

import random
from collections.abc import Iterator

from strata.evolution.suites.small.template import Parts, Question, Template, distinct, falling

_LETTERS = "abcdefghijklmnopqrst"
_PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}
_WORD = falling(len(_LETTERS), 4)


def _rearranged(right: str, first: list[str], chance: random.Random) -> Iterator[str]:
    """`first`, then `right` with two letters swapped."""
    yield from first
    swaps = [(a, b) for a in range(len(right)) for b in range(a)]
    chance.shuffle(swaps)
    for a, b in swaps:
        letters = list(right)
        letters[a], letters[b] = letters[b], letters[a]
        yield "".join(letters)


def _smallest(parts: Parts, chance: random.Random) -> Question:
    word = distinct(_LETTERS, parts)
    return Question(f"min({word})=", min(word), chance.sample(word, len(word)))


def _sort(parts: Parts, chance: random.Random) -> Question:
    word = distinct(_LETTERS, parts)
    right = "".join(sorted(word))
    return Question(f"srt({word})=", right, _rearranged(right, [word], chance))


def _rotate(parts: Parts, chance: random.Random) -> Question:
    word = distinct(_LETTERS, parts)
    right = word[1:] + word[:1]
    return Question(f"rot({word})=", right, _rearranged(right, [word, word[-1:] + word[:-1]], chance))


def _close(parts: Parts, chance: random.Random) -> Question:
    opened = [tuple(_PAIRS)[part] for part in parts[:4]]
    right = "".join(_PAIRS[bracket] for bracket in reversed(opened))
    prompt = "".join(bracket + _LETTERS[part] for bracket, part in zip(opened, parts[4:], strict=True))

    def wrong() -> Iterator[str]:
        yield right[::-1]
        while True:
            place = chance.randrange(4)
            yield right[:place] + chance.choice(tuple(_PAIRS.values())) + right[place + 1 :]

    candidates = wrong()
    return Question(prompt, right, [next(candidates) for _ in range(40)])


TEMPLATES = (
    Template("coding", "smallest", falling(len(_LETTERS), 5), _smallest),
    Template("coding", "sort", _WORD, _sort),
    Template("coding", "rotate", _WORD, _rotate),
    Template("coding", "close", (4, 4, 4, 4, 20, 20, 20, 20), _close),
)
