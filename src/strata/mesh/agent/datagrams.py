"""Datagrams between members, over links that are made when there is something to send and closed when idle.

As with any datagram, one may be lost: what waits for a peer that is slow or cannot be reached is dropped, the oldest
first, and nobody else waits for it. Only what waits for a peer that sleeps at times is kept until it comes back. A link
carries them both ways, whichever end made it, so that a member without an address can be reached over its own.
"""

import logging
from collections import deque
from collections.abc import Callable, Iterator

import trio

from strata.errors import StrataError
from strata.mesh.agent.asking import DIAL_SECONDS, LINK_ERRORS, hang_up, why
from strata.mesh.agent.messages import Tell, Wire
from strata.mesh.agent.transport import Transport
from strata.mesh.messaging import ProtocolError

log = logging.getLogger(__name__)

MOST_LINES = 64  # peers that there are links to; the least recently used makes room
IDLE_SECONDS = 60.0
WAITING = 8  # datagrams for one peer, and then the oldest is dropped
ARRIVED = 64  # that were not taken yet, and then nothing more is read
SEND_SECONDS = 5.0  # after which a link that takes nothing is over
REDIAL_SECONDS = 0.5
KEPT_REDIAL_SECONDS = 30.0  # of whom datagrams are kept for: it makes a link itself when it comes back
KEPT_SECONDS = 3600.0


class Datagrams:
    """Sends and receives them. `run` must be running; `arrivals` yields (sender, data).

    keeps: whether that peer sleeps at times.
    """

    def __init__(self, transport: Transport, keeps: Callable[[str], bool]) -> None:
        self._transport = transport
        self._keeps = keeps
        self._lines: dict[str, _Line] = {}  # the least recently used first
        self._inbox, self.arrivals = trio.open_memory_channel[tuple[str, bytes]](ARRIVED)
        self._nursery: trio.Nursery | None = None

    async def run(self, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Carry datagrams until cancelled."""
        async with trio.open_nursery() as self._nursery:
            task_status.started()
            await trio.sleep_forever()

    def send(self, peer_id: str, data: bytes) -> None:
        """Send it, or lose it; returns at once."""
        self._line(peer_id).put(data)

    def is_linked(self, peer_id: str) -> bool:
        """Whether there is a link to it already."""
        return peer_id in self._lines and bool(self._lines[peer_id].wires)

    async def attend(self, wire: Wire, data: bytes) -> None:
        """Take what comes over a link that the peer has made for it, of which `data` came first; raises LINK_ERRORS."""
        line = self._line(wire.peer.peer_id)
        line.add(wire)
        await self._listen(line, wire, data)

    def close(self, peer_id: str) -> None:
        """Close the links to a peer, and forget what waits for it."""
        if (line := self._lines.pop(peer_id, None)) is not None:
            line.scope.cancel()

    def close_all(self) -> None:
        """Close all links."""
        for peer_id in tuple(self._lines):
            self.close(peer_id)

    async def flush(self) -> None:
        """Wait until nothing waits to be sent."""
        while busy := [line for line in self._lines.values() if line.busy]:
            await busy[0].changed.wait()

    def _line(self, peer_id: str) -> "_Line":
        """The line to a peer, which counts as used now."""
        assert self._nursery is not None
        line = self._lines.pop(peer_id, None)
        if line is None:
            if len(self._lines) >= MOST_LINES:
                self.close(next(iter(self._lines)))
            line = _Line(peer_id)
            self._nursery.start_soon(self._serve, line)
        self._lines[peer_id] = line
        line.used = trio.current_time()
        return line

    async def _serve(self, line: "_Line") -> None:
        """Send what there is to be sent to one peer, until the line has been idle for long."""
        try:
            with line.scope:
                while await line.wanted():
                    await self._send_waiting(line)
        finally:
            if self._lines.get(line.peer_id) is line:
                del self._lines[line.peer_id]
            line.give_up()
            for wire in tuple(line.wires):
                await hang_up(wire)

    async def _send_waiting(self, line: "_Line") -> None:
        wire = None
        try:
            wire = line.wires[-1] if line.wires else await self._dialled(line)
            with trio.fail_after(SEND_SECONDS):
                for data in line.take():
                    await wire.send(Tell(), data)
        except (*LINK_ERRORS, StrataError) as error:  # whatever it is, it is lost
            log.debug("datagrams for %s are lost: %s", line.peer_id, why(error))
        else:
            return
        kept = self._keeps(line.peer_id) and trio.current_time() < line.used + KEPT_SECONDS
        if kept:
            line.put_back()
        else:
            line.give_up()
        if wire is not None:
            line.remove(wire)
            await hang_up(wire)
        with trio.move_on_after(KEPT_REDIAL_SECONDS if kept else REDIAL_SECONDS):
            await line.until_linked()

    async def _dialled(self, line: "_Line") -> Wire:
        assert self._nursery is not None
        wire = Wire(await self._transport.dial(line.peer_id, DIAL_SECONDS))
        line.add(wire)
        self._nursery.start_soon(self._listen_to_dialled, line, wire)
        return wire

    async def _listen_to_dialled(self, line: "_Line", wire: Wire) -> None:
        try:
            await self._listen(line, wire)
        except ProtocolError as error:
            log.warning("hung up on %s: %s", wire.peer.name, error)
        except LINK_ERRORS as error:
            log.debug("a link to %s ended: %s", wire.peer.name, why(error))
        finally:
            await hang_up(wire)

    async def _listen(self, line: "_Line", wire: Wire, first: bytes | None = None) -> None:
        try:
            if first is not None:
                await self._inbox.send((line.peer_id, first))
            while True:
                message, payload = await wire.receive()
                if not isinstance(message, Tell):
                    raise ProtocolError(f"{wire.peer.name} sent a {message.type!r} message over a link for datagrams")
                if self._lines.get(line.peer_id) is line:
                    self._line(line.peer_id)  # it is used
                await self._inbox.send((line.peer_id, bytes(payload)))
        finally:
            line.remove(wire)


class _Line:
    """What there is to one peer: its links, of which the last is used, and what waits to be sent."""

    def __init__(self, peer_id: str) -> None:
        self.peer_id = peer_id
        self.scope = trio.CancelScope()
        self.used = trio.current_time()
        self.wires: list[Wire] = []
        self.changed = trio.Event()
        self._waiting: deque[bytes] = deque(maxlen=WAITING)
        self._sending: bytes | None = None

    @property
    def busy(self) -> bool:
        """Whether something is still to be sent."""
        return self._sending is not None or bool(self._waiting)

    def put(self, data: bytes) -> None:
        """Have it sent."""
        self._waiting.append(data)
        self._change()

    def take(self) -> Iterator[bytes]:
        """What is to be sent, one after the other."""
        while self._waiting:
            self._sending = self._waiting.popleft()
            yield self._sending
        self.give_up()

    def put_back(self) -> None:
        """What was being sent is still to be sent, if there is room."""
        if self._sending is not None and len(self._waiting) < WAITING:
            self._waiting.appendleft(self._sending)
        self._sending = None

    def give_up(self) -> None:
        """Nothing is to be sent any more."""
        self._waiting.clear()
        self._sending = None
        self._change()

    def add(self, wire: Wire) -> None:
        """There is this link to the peer."""
        self.wires.append(wire)
        self._change()

    def remove(self, wire: Wire) -> None:
        """It is not there any more."""
        if wire in self.wires:
            self.wires.remove(wire)

    async def wanted(self) -> bool:
        """Wait until there is something to send; False when the line has been idle for long instead."""
        while not self._waiting:
            if trio.current_time() >= self.used + IDLE_SECONDS:
                return False
            with trio.move_on_at(self.used + IDLE_SECONDS):
                await self.changed.wait()
        return True

    async def until_linked(self) -> None:
        """Wait until there is a link; the peer may make one."""
        while not self.wires:
            await self.changed.wait()

    def _change(self) -> None:
        self.changed.set()
        self.changed = trio.Event()
