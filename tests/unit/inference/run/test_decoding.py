import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.run.decoding import Decoding
from strata.inference.run.errors import ContextExceeded


def test_rows_are_padded_on_the_left() -> None:
    decoding = Decoding([[1, 2, 3], [4]], max_new_tokens=2, context=8, pad=9)
    assert decoding.first_inputs == [[1, 2, 3], [9, 9, 4]]
    assert decoding.padding == (0, 2)


def test_tokens_are_fed_back_until_the_limit() -> None:
    seen: list[tuple[int, int]] = []
    decoding = Decoding([[1]], max_new_tokens=3, context=8, on_token=lambda row, token: seen.append((row, token)))
    assert decoding.accept([5]) == [[5]]
    assert decoding.accept([6]) == [[6]]
    assert decoding.accept([7]) == []
    assert decoding.outputs == [[5, 6, 7]]
    assert seen == [(0, 5), (0, 6), (0, 7)]


def test_a_row_that_stops_is_fed_padding_until_the_others_stop() -> None:
    decoding = Decoding([[1], [2]], max_new_tokens=9, context=20, stop=frozenset({0, 99}), pad=7)
    assert decoding.accept([0, 5]) == [[7], [5]]
    assert decoding.accept([3, 6]) == [[7], [6]]
    assert decoding.accept([3, 99]) == []
    assert decoding.outputs == [[0], [5, 6, 99]]


def test_the_context_limits_the_answer() -> None:
    decoding = Decoding([[1, 2, 3]], max_new_tokens=9, context=4)
    assert decoding.accept([4]) == []


@pytest.mark.parametrize("prompts", [[], [[]], [[1], []]])
def test_an_empty_prompt_is_refused(prompts: list[list[int]]) -> None:
    with pytest.raises(ContextExceeded, match="no tokens"):
        Decoding(prompts, max_new_tokens=1, context=8)


def test_a_prompt_that_fills_the_context_is_refused() -> None:
    with pytest.raises(ContextExceeded, match="3 tokens, the context 3"):
        Decoding([[1, 2, 3]], max_new_tokens=1, context=3)


@given(
    st.lists(st.lists(st.integers(1, 9), min_size=1, max_size=4), min_size=1, max_size=3),
    st.lists(st.lists(st.integers(0, 9), min_size=3, max_size=3), max_size=8),
)
def test_a_restored_decoding_goes_on_as_the_one_that_was_cut_off(
    prompts: list[list[int]], steps: list[list[int]]
) -> None:
    def fresh() -> Decoding:
        return Decoding(prompts, max_new_tokens=6, context=20, stop=frozenset({0}), pad=7)

    original = fresh()
    for tokens in steps:
        if not original.inputs_so_far:
            break
        original.accept(tokens[: len(prompts)])
    restored = fresh()
    restored.restore(original.outputs)
    assert restored.outputs == original.outputs
    assert restored.inputs_so_far == original.inputs_so_far
    if original.inputs_so_far:
        assert restored.accepted == original.accepted


def test_all_that_was_fed_is_there_to_be_fed_again() -> None:
    decoding = Decoding([[1, 2], [3]], max_new_tokens=3, context=9, stop=frozenset({0}), pad=7)
    assert decoding.inputs_so_far == [[1, 2], [7, 3]]
    decoding.accept([5, 0])
    assert (decoding.accepted, decoding.inputs_so_far) == (1, [[1, 2, 5], [7, 3, 7]])
    decoding.accept([6, 0])
    decoding.accept([6, 0])
    assert decoding.inputs_so_far == []
