"""What sends for the streams of a connection: when, how much at once, and whose turn it is where the uplink is bounded.

While streams are being written to it waits, at most `JOIN_SECONDS`, and then sends what has gathered; a message that is
alone leaves at once. So small messages cost what their bytes cost, not a record each. Where nothing is joined each
write is a record of its own, and has been sent when the next one of its stream begins.
"""

import logging
from collections.abc import Awaitable, Callable
from functools import partial

import trio
from cryptography.utils import Buffer
from libp2p.io.exceptions import IOException

from strata.mesh.bandwidth import Kind
from strata.mesh.transport.streams import MESSAGE_BYTES, Streams
from strata.mesh.uplink import Uplink

log = logging.getLogger(__name__)

JOIN_SECONDS = 0.001
JOIN_BYTES = 64 << 10
_IDLE_PASSES = (
    2  # trio runs tasks in random order: in one pass between two of ours, a busy writer may not have had a turn
)


class Sender:
    """Sends with `write`, and calls `wrote` each time. joining: have messages gather.

    `done` is set when all has been sent that there was at `finish`, or nothing can be.
    """

    def __init__(
        self,
        streams: Streams,
        write: Callable[[Buffer], Awaitable[None]],
        wrote: Callable[[], None],
        uplink: Uplink | None,
        *,
        joining: bool = True,
    ) -> None:
        self.done = trio.Event()
        self.joining = joining
        self._streams = streams
        self._write = write
        self._wrote = wrote
        self._uplink = uplink
        self._idle = trio.lowlevel.ParkingLot()
        self._writing = trio.Lock()
        self._finishing = False

    def wake(self) -> None:
        """Send, if there is something to send."""
        if self._streams.has_output or self._finishing:
            self._idle.unpark_all()

    def finish(self) -> None:
        """End when all is sent."""
        self._finishing = True
        self.wake()

    async def run(self) -> None:
        """Send until that is over."""
        try:
            if self._uplink is None:
                await self._send(lambda: self._streams.has_output, self._write_all)
            else:
                async with trio.open_nursery() as nursery:
                    for kind in Kind:
                        there = partial(self._streams.pending, kind)
                        nursery.start_soon(self._send, there, partial(self._write_kind, kind, self._uplink))
        finally:
            self.done.set()

    async def _send(self, there: Callable[[], int], write: Callable[[], Awaitable[None]]) -> None:
        """Whenever there is something to send, let it gather, unless nothing is joined, and `write` it."""
        before = 0
        try:
            while True:
                if there():
                    if self.joining:
                        await self._join(before)
                        before = self._streams.written
                    await write()
                    self._wrote()
                elif self._finishing:
                    break
                else:
                    await self._idle.park()
        except IOException as error:
            log.debug("cannot send: %s", error)  # the reader comes to its end too

    async def _write_all(self) -> None:
        await self._write(self._streams.batch(turns=self._turns))

    async def _write_kind(self, kind: Kind, uplink: Uplink) -> None:
        """Send what is of one class, when it is its turn. What that is is decided then: all leaves in order."""
        count = min(self._streams.pending(kind, self._turns), MESSAGE_BYTES)
        await uplink.turn(kind, count)
        async with self._writing:
            await self._write(self._streams.batch(kind, count, turns=self._turns))

    @property
    def _turns(self) -> int | None:
        """How many streams may have a turn in one batch; None: all."""
        return None if self.joining else 1

    async def _join(self, before: int) -> None:
        """Wait while others go on writing: a moment at most, and no longer than until it is worth a message.

        `before` is how much had been written when the last batch was taken.
        """
        streams = self._streams
        until, seen, idle = trio.current_time() + JOIN_SECONDS, streams.written, 0
        while idle < _IDLE_PASSES and seen - before < JOIN_BYTES and trio.current_time() < until:
            await trio.lowlevel.checkpoint()
            idle = idle + 1 if streams.written == seen else 0
            seen = streams.written
