"""What is still to be passed on."""

from collections.abc import Iterator

from strata.mesh.members.messages import Update, encode_update


class Outbox:
    """Updates to send along with other messages, each a limited number of times; the least sent first.

    A newer update about a member replaces the older one.
    """

    def __init__(self) -> None:
        self._waiting: dict[str, _Waiting] = {}

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, update: Update) -> None:
        """Pass this on from now, in place of what was to be said about the same member."""
        self._waiting.pop(update.peer, None)
        self._waiting[update.peer] = _Waiting(update, len(encode_update(update)))

    def forget(self, peer: str) -> None:
        """Say nothing more about a member."""
        self._waiting.pop(peer, None)

    def take(self, room: int, limit: int) -> Iterator[Update]:
        """Updates that fit into `room` bytes; one that was taken `limit` times is dropped."""
        if not self._waiting:
            return
        for each in sorted(self._waiting.values(), key=_Waiting.count):
            if each.size > room:
                continue
            room -= each.size
            each.sent += 1
            if each.sent >= limit:
                del self._waiting[each.update.peer]
            yield each.update


class _Waiting:
    __slots__ = ("sent", "size", "update")

    def __init__(self, update: Update, size: int) -> None:
        self.update = update
        self.size = size
        self.sent = 0

    def count(self) -> int:
        return self.sent
