from hypothesis import example, given
from hypothesis import strategies as st

from strata.inference.run.stopping import StopTexts, up_to

# Few letters, so that stops are found, begin within each other and repeat themselves.
TEXT = st.text("ab ", max_size=12)
STOPS = st.lists(st.text("ab ", min_size=1, max_size=4), max_size=3)


def _first_end(text: str, stops: list[str]) -> tuple[int, int] | None:
    """Where the first stop to be complete ends and begins, by looking at every end."""
    for end in range(len(text) + 1):
        begins = [end - len(stop) for stop in stops if text[:end].endswith(stop)]
        if begins:
            return end, min(begins)
    return None


@given(TEXT, STOPS, st.lists(st.integers(1, 4), max_size=12))
@example("aab", ["ab"], [1, 1, 1])
@example("abab", ["abb", "ba"], [4])
def test_whatever_the_pieces_the_text_ends_before_the_first_stop(text: str, stops: list[str], sizes: list[int]) -> None:
    stopping, shown, at = StopTexts(stops), "", 0
    for size in [*sizes, len(text)]:
        piece, at = text[at : at + size], at + size
        shown += stopping.push(piece)
        assert not any(stop in shown for stop in stops)
    shown += stopping.finish()
    found = _first_end(text, stops)
    assert shown == (text if found is None else text[: found[1]])
    assert stopping.hit == (found is not None)
    assert up_to(text, stops) == shown


def test_only_what_may_be_a_beginning_is_held_back() -> None:
    stopping = StopTexts(["\nUser:"])
    assert [stopping.push(piece) for piece in ("Hello\n", "Us", "e it", "\nUser", ": no")] == [
        "Hello", "", "\nUse it", "", "",
    ]  # fmt: skip
    assert (stopping.hit, stopping.push("more"), stopping.finish()) == (True, "", "")


def test_without_stops_everything_passes() -> None:
    stopping = StopTexts(())
    assert (stopping.push("any"), stopping.finish(), stopping.hit) == ("any", "", False)
