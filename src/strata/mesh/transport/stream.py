"""One side of a stream: what has come and was not taken, what waits to be sent, and how much either may still be."""

from strata.mesh.bandwidth import Kind

WINDOW_BYTES = 1 << 20  # credit of a new stream: the most that a reader can leave unread
MAX_OUTBOX = 256 << 10  # bytes of one stream that wait for their turn


class Stream:
    """One side of a stream. Only `Streams` changes it, except that `take` takes what has come."""

    __slots__ = (
        "_end_sent",
        "_inbox",
        "_outbox",
        "_owed",
        "_payable",
        "_window",
        "ended",
        "finished",
        "kind",
        "number",
        "reset",
    )

    def __init__(self, number: int) -> None:
        self.number = number
        self.kind = Kind.ACTIVATIONS  # of what is written; it may be changed
        self.ended = False  # the peer sends no more
        self.finished = False  # this side sends no more once the outbox is empty
        self.reset = False
        self._end_sent = False
        self._inbox = bytearray()
        self._outbox = bytearray()
        self._window = WINDOW_BYTES  # what the peer will still take
        self._payable = WINDOW_BYTES  # what it may still send
        self._owed = 0  # bytes that were taken and not yet credited

    @property
    def unread(self) -> int:
        """Bytes that have come and were not taken."""
        return len(self._inbox)

    @property
    def unsent(self) -> int:
        """Bytes that were written and not sent."""
        return len(self._outbox)

    @property
    def room(self) -> int:
        """Bytes that can be written now."""
        return MAX_OUTBOX - len(self._outbox)
