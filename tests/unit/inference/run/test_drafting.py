"""Drafts by prompt lookup: what is guessed, how much of it, and when nothing is."""

from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.run.drafting import LONGEST_PAUSE, NGRAMS, PromptLookup

TEXTS = st.lists(st.integers(0, 3), min_size=1, max_size=40)


def looked_up(text: Sequence[int], length: int) -> list[int]:
    """The same by looking at every place: after the latest one at which the longest of the n-grams stood before."""
    for size in NGRAMS:
        for place in range(len(text) - 1, size - 1, -1):
            if size <= len(text) and text[place - size : place] == text[-size:]:
                known = list(text)
                for step in range(length):
                    known.append(known[place + step])
                return known[len(text) :]
    return []


@given(TEXTS, st.integers(0, 9), st.integers(1, 6))
def test_a_draft_is_what_followed_the_same_words_before(text: list[int], room: int, most: int) -> None:
    assert list(PromptLookup(most).draft(text, room)) == looked_up(text, min(room, most))


@given(TEXTS, st.lists(st.integers(1, 4), max_size=8))
def test_a_text_that_grows_is_looked_up_as_a_whole(text: list[int], pieces: list[int]) -> None:
    lookup, end = PromptLookup(5), 1
    for piece in pieces:
        lookup.draft(text[:end], 5)
        end = min(end + piece, len(text))
    assert list(lookup.draft(text[:end], 5)) == looked_up(text[:end], 5)


def test_what_repeats_itself_is_guessed_beyond_its_end() -> None:
    assert PromptLookup(6).draft([1, 2, 3, 1, 2, 3], 6) == (1, 2, 3, 1, 2, 3)


def test_one_token_that_came_before_is_no_reason_to_guess() -> None:
    assert PromptLookup(4).draft([1, 2, 3, 1], 4) == ()


def test_nothing_is_guessed_without_room_or_when_off() -> None:
    assert PromptLookup(0).draft([1, 2, 1, 2], 4) == ()
    assert PromptLookup(4).draft([1, 2, 1, 2], 0) == ()
    assert PromptLookup(4).draft([1, 2, 1, 2], -1) == ()


def test_the_next_draft_is_in_proportion_to_what_was_right() -> None:
    lookup, text = PromptLookup(16), [1, 2] * 4
    for accepted, length in ((16, 16), (3, 8), (1, 4), (9, 16)):
        lookup.learn(accepted)
        assert len(lookup.draft(text, 32)) == length


def test_failures_in_a_row_make_pauses_that_grow_up_to_a_limit() -> None:
    lookup, text = PromptLookup(4), [1, 2, 1, 2]
    pauses = []
    for _ in range(8):
        lookup.learn(0)
        pauses.append(0)
        while not lookup.draft(text, 4):
            pauses[-1] += 1
    assert pauses == [1, 3, 7, 15, 31, LONGEST_PAUSE, LONGEST_PAUSE, LONGEST_PAUSE]
    lookup.learn(1)
    assert lookup.draft(text, 4)
    lookup.learn(0)
    assert not lookup.draft(text, 4)
    assert lookup.draft(text, 4)


@pytest.mark.parametrize("most", [1, 8, 32])
def test_where_no_guess_is_ever_right_few_are_made(most: int) -> None:
    lookup, drafted, steps, text = PromptLookup(most), 0, 400, [1, 2]
    for step in range(steps):
        if drafts := lookup.draft(text, most):
            drafted += 1
            assert drafts[0] == 10 + step - 1
            lookup.learn(0)
        text += [10 + step, 1, 2]  # what follows 1, 2 is new every time
    assert 0 < drafted < steps / 20
