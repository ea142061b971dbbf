"""The uplink of this process, where the settings say how fast it is: a thin adapter of `Sharing` on trio."""

from functools import cache

import trio

from strata.mesh.bandwidth import Kind, Sharing, Turn
from strata.settings import Settings


class Uplink:
    """All connections of the process send through one of these. rate: bytes a second, what encryption adds included."""

    def __init__(self, rate: float) -> None:
        self._rate = rate
        self._sharing: Sharing | None = None
        self._events: dict[Turn, trio.Event] = {}

    async def turn(self, kind: Kind, count: int) -> None:
        """Wait until a piece of so many bytes, at most `BURST_BYTES`, may be sent. Control never waits."""
        if self._sharing is None:
            self._sharing = Sharing(self._rate, trio.current_time())
        sharing = self._sharing
        if kind is Kind.CONTROL:
            sharing.control(count, trio.current_time())
            return
        turn, event = sharing.ask(kind, count), trio.Event()
        self._events[turn] = event
        try:
            self._grant(sharing)
            while not turn.granted:
                # Whose time comes first grants all that is due, to others too.
                with trio.move_on_at(sharing.ready_at()):
                    await event.wait()
                self._grant(sharing)
        finally:
            sharing.withdraw(turn)
            self._events.pop(turn, None)

    def _grant(self, sharing: Sharing) -> None:
        while (turn := sharing.grant(trio.current_time())) is not None:
            self._events.pop(turn).set()


@cache
def own_uplink() -> Uplink | None:
    """That of this process; None where no limit is set."""
    rate = Settings().uplink_bytes_per_second
    return None if rate is None else Uplink(rate)
