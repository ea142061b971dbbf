"""Which champions a rollback may choose: by example, and against a model that tells the story forwards."""

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.evolution.lineage import choice
from strata.evolution.lineage.errors import UnknownModel
from strata.evolution.lineage.rollback import candidates
from strata.store import Change

NOW = datetime(2026, 3, 1, tzinfo=UTC)
KINDS = {"+": "promotion", "!": "regression", "-": "rollback"}


def story(text: str) -> tuple[Change, ...]:
    """ "+A +B !A": A was promoted, then B, which regressed back to A. Generations count promotions from 0."""
    found: list[Change] = []
    generation = -1
    for revision, (sign, name) in enumerate((tuple(word) for word in text.split()), start=1):
        generation += sign == "+"
        previous = found[-1].digest if found else None
        number = generation or None
        found.append(Change(revision, name, previous, NOW, "", KINDS[sign], number if sign == "+" else None, None, {}))
    return tuple(reversed(found))


def names(changes: tuple[Change, ...]) -> str:
    return "".join(change.digest for change in changes)


@pytest.mark.parametrize(
    ("text", "older"),
    [
        ("+A", ""),
        ("+A +B", "A"),
        ("+A +B +C", "BA"),
        ("+A +B +C !B", "A"),  # a second rollback goes one further
        ("+A +B +C -B", "A"),  # and not forward again
        ("+A +B !A +C", "A"),  # not B, which regressed
        ("+A +B !A +B +C", "BA"),  # but B, once it was promoted again
        ("+A +B +C -A", ""),
        ("+A +B +C -A -C", "BA"),
        ("+A +B !A -B", "A"),  # a person went back to B
    ],
)
def test_the_champions_before(text: str, older: str) -> None:
    history = story(text)
    assert names(choice.older_than(history, history[0].digest)) == older


def test_the_champion_of_a_generation_is_the_last_good_one_promoted_until_then() -> None:
    history = story("+A +B +C +D !C +E")  # A before all generations, B in 1, C in 2, D in 3, E in 4
    assert names(choice.of_generation(history, 0)) == "A"
    assert names(choice.of_generation(history, 2)) == "CBA"
    assert names(choice.of_generation(history, 3)) == "CBA"
    assert names(candidates(history, 1)) == "BA"


def test_a_digest_is_taken_at_its_word() -> None:
    history = story("+A +B !A")
    assert names(candidates(history, "B")) == "B"
    for wrong, message in (("X", "never champion"), ("A", "champion already"), ("", "several champions")):
        with pytest.raises(UnknownModel, match=message):
            candidates(history, wrong)


@given(st.lists(st.tuples(st.sampled_from("+!-"), st.sampled_from("ABCDE")), max_size=12))
def test_no_rollback_comes_to_the_present_champion_or_a_tainted_one(moves: list[tuple[str, str]]) -> None:
    history = story(" ".join(["+A", *(sign + name for sign, name in moves)]))
    present, bad = history[0].digest, set()
    for change in reversed(history):  # told forwards
        if change.kind == "promotion":
            bad -= {change.digest}
        elif change.kind == "regression":
            bad |= {change.previous}
    assert choice.tainted(history) == bad
    found = choice.older_than(history, present)
    assert not {change.digest for change in found} & {present, *bad}
    assert len({change.digest for change in found}) == len(found)
    revisions = [change.revision for change in found]
    assert revisions == sorted(revisions, reverse=True)
