"""Texts at which an answer ends. Pure."""

from collections.abc import Sequence


class StopTexts:
    """Passes a text on as it comes, up to the first of `stops`, which is left out; `hit` says that there was one.

    First is the one that is complete first, and of those that end together the longest: so it does not matter in what
    pieces the text comes. What may be the beginning of one is held back until that is known.
    """

    def __init__(self, stops: Sequence[str]) -> None:
        self._stops = stops
        self._held = ""
        self.hit = False

    def push(self, text: str) -> str:
        """What can be shown now that `text` has come."""
        if self.hit:
            return ""
        text = self._held + text
        ends = [(at + len(stop), at) for stop in self._stops if (at := text.find(stop)) >= 0]
        if ends:
            self.hit, self._held = True, ""
            return text[: min(ends)[1]]
        shown = len(text) - max((_begun(text, stop) for stop in self._stops), default=0)
        self._held = text[shown:]
        return text[:shown]

    def finish(self) -> str:
        """What was held back: the text is over, so it was no beginning."""
        held, self._held = self._held, ""
        return held


def up_to(text: str, stops: Sequence[str]) -> str:
    """The text before the first of `stops`."""
    stopping = StopTexts(stops)
    return stopping.push(text) + stopping.finish()


def _begun(text: str, stop: str) -> int:
    """How many characters of `stop`, not all, the text ends with."""
    return next((count for count in range(min(len(stop) - 1, len(text)), 0, -1) if text.endswith(stop[:count])), 0)
