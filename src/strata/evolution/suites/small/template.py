"""A template: a space of items that are made from digits of their number."""

import hashlib
import math
import random
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from strata.evolution.suites.item import Item

END = ";"  # ends every answer; the shipped tokenizer's end of sequence
CHOICES = 4
Parts = tuple[int, ...]


@dataclass(frozen=True)
class Question:
    """`wrong`: candidates, the more tempting the earlier; those equal to `right` or to each other are passed over."""

    prompt: str
    right: str
    wrong: Iterable[str]


@dataclass(frozen=True)
class Template:
    """An item's number in the mixed radix `radices` gives the parts that `make` builds its question from.

    `make` also gets a generator, seeded by the number, to pick wrong answers by.
    """

    domain: str
    cluster: str
    radices: Parts
    make: Callable[[Parts, random.Random], Question]

    @property
    def name(self) -> str:
        """Domain and cluster."""
        return f"{self.domain}-{self.cluster}"

    @property
    def size(self) -> int:
        """How many items there are."""
        return math.prod(self.radices)

    def item(self, index: int) -> Item:
        """Item number `index`."""
        parts, rest = [], index
        for radix in self.radices:
            rest, part = divmod(rest, radix)
            parts.append(part)
        chance = random.Random(f"{self.name} {index}")  # noqa: S311 - no secret
        question = self.make(tuple(parts), chance)
        wrong = [text for text in dict.fromkeys(question.wrong) if text != question.right][: CHOICES - 1]
        choices = [question.right, *wrong]
        chance.shuffle(choices)
        mark = hashlib.sha256(question.prompt.encode()).hexdigest()[:16]
        return Item(
            id=f"{self.cluster}-{mark}",
            domain=self.domain,
            prompt=question.prompt,
            scoring="choice",
            choices=tuple(choices),
            answer=choices.index(question.right),
            target=question.right,
            stop=END,  # and no cluster: every draw has all templates in equal shares, so they are strata of the domain
        )


def distinct(alphabet: str, picks: Parts) -> str:
    """Letters of `alphabet`, no two the same: pick number i is among those that are left."""
    left = list(alphabet)
    return "".join(left.pop(pick) for pick in picks)


def falling(size: int, length: int) -> Parts:
    """The radices of `distinct`."""
    return tuple(range(size, size - length, -1))
