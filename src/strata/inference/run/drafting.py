"""Guessing the next tokens from the text itself, and when that is worth a try. No tensors, no waiting.

Prompt lookup decoding (Saxena 2023, https://github.com/apoorvumang/prompt-lookup-decoding; in transformers
`PromptLookupCandidateGenerator`): what followed the last few tokens where they occurred before is likely to follow
again, in summaries, edits of code, lists, and whatever else repeats its context. A draft costs no model, and the stages
verify all of it in one pass.
"""

from collections.abc import Sequence

NGRAMS = (4, 3, 2)  # tokens that must have occurred before, the most telling first; one alone tells nothing
LONGEST_PAUSE = 32


class PromptLookup:
    """Drafts of at most `most` tokens for one text; 0 makes none.

    The latest place counts, and a draft that reaches the end of the text goes on with itself, as a period does. While
    drafts fail there are fewer and shorter ones: after n in a row of which nothing was accepted, the next 2^n - 1 steps
    (at most LONGEST_PAUSE) have none; and one has at most 2 a + 2 tokens where a were accepted of the one before.
    """

    def __init__(self, most: int) -> None:
        self._most = self._length = most
        self._after: dict[tuple[int, ...], int] = {}  # an n-gram, and where the text goes on after its latest place
        self._indexed = 0
        self._failures = self._pause = 0

    def draft(self, text: Sequence[int], room: int) -> tuple[int, ...]:
        """Tokens that may follow `text`, at most `room`; the text of the next call goes on from this one's."""
        if self._most == 0:
            return ()
        self._index(text)
        if self._pause:
            self._pause -= 1
            return ()
        sizes = (size for size in NGRAMS if size <= len(text))
        found = (self._after.get(tuple(text[-size:])) for size in sizes)
        place = next((place for place in found if place is not None), None)
        if place is None:
            return ()
        period = len(text) - place
        return tuple(text[place + step % period] for step in range(min(self._length, room)))

    def learn(self, accepted: int) -> None:
        """Note how many tokens of the latest draft were accepted."""
        if accepted:
            self._failures = self._pause = 0
        else:
            self._failures += 1
            self._pause = min(2**self._failures - 1, LONGEST_PAUSE)
        self._length = min(self._most, 2 * accepted + 2)

    def _index(self, text: Sequence[int]) -> None:
        """Enter what has come since the last time, but the end: nothing follows it yet."""
        for place in range(max(self._indexed, 1), len(text)):
            for size in NGRAMS:
                if size <= place:
                    self._after[tuple(text[place - size : place])] = place
        self._indexed = len(text)
