"""The built-in items: right by an independent computation, four choices that differ, versions that follow content."""

import re

import pytest

from strata.evolution.suites import DOMAINS, END, draw, small_suite
from strata.evolution.suites.small import template as templates
from strata.evolution.suites.suite import Suite, digest_of

PAIRS = {"(": ")", "[": "]", "{": "}", "<": ">"}


def solve(prompt: str) -> str:
    """The right answer, from the prompt alone."""
    inside = (found := re.search(r"\((\w+)\)", prompt)) and found[1]
    match prompt[:3]:
        case "min":
            return sorted(inside)[0]
        case "srt":
            return "".join(sorted(inside))
        case "rot":
            return inside[1:] + inside[0]
        case "nex":
            return str(int(inside) + 1)
        case "pre":
            return str(int(inside) - 1)
        case "rou":
            return str((int(inside) + 5) // 10 * 10)
        case "3rd" | "4th":
            return sorted(inside)[-int(prompt[0])]
        case "mos":
            return max(inside, key=inside.count)
    if found := re.fullmatch(r"(\d+)\?(\d+)=", prompt):
        return max(found[1], found[2], key=int)
    if found := re.fullmatch(r"(\d+),(\d+),", prompt):
        return "".join(str(2 * int(b) - int(a)) for a, b in zip(found[1], found[2], strict=True))
    if found := re.fullmatch(r"(two|did|now) (\w+):", prompt):
        return inflect(*found.groups())
    opened = [letter for letter in prompt if letter in PAIRS]
    assert opened
    return "".join(PAIRS[letter] for letter in reversed(opened))


def inflect(form: str, word: str) -> str:
    soft = re.search(r"[^aeiou]y$", word)
    if form == "two":
        return word[:-1] + "ies" if soft else word + ("es" if re.search(r"(s|x|z|ch|sh)$", word) else "s")
    if form == "did":
        return word[:-1] + "ied" if soft else word.removesuffix("e") + "ed"
    return word.removesuffix("e") + "ing"


@pytest.mark.parametrize("domain", DOMAINS)
def test_answers_are_right_and_choices_differ(domain: str):
    suite = small_suite(domain)
    items = suite.draw("gate", 0, 1200, 5)
    for item in items:
        assert item.answer is not None
        right = solve(item.prompt)
        assert (item.target, item.choices[item.answer], item.stop) == (right, right, END)
        assert len(set(item.choices)) == templates.CHOICES
        assert item.suite == suite.label
    places = [item.answer for item in items]
    # Each place 300 times of 1200, with a standard deviation of 15.
    assert all(abs(places.count(place) - 300) < 75 for place in range(4))


@pytest.mark.parametrize("domain", DOMAINS)
def test_every_space_holds_its_items_once(domain: str):
    for space in small_suite(domain).spaces:
        ids = [space.item(index).id for index in range(0, space.size, max(1, space.size // 3000))]
        assert len(ids) == len(set(ids))
        assert space.item(space.size - 1).scoring == "choice"


def test_a_version_follows_the_items():
    suite = small_suite("math")
    assert suite.version == digest_of(suite.spaces)
    assert digest_of(suite.spaces[:2]) != suite.version
    assert len({small_suite(domain).version for domain in DOMAINS}) == len(DOMAINS)
    assert Suite("a", "1", "math", suite.spaces).draw("gate", 0, 1, 1)[0].suite == "a@1"


def test_an_items_digest_does_not_depend_on_its_suite():
    item = draw("math", "gate", 0, 1, 1)[0]
    assert item.of("other@1").digest == item.digest
