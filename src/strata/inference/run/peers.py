"""The coordinator's side of the link to one node: requests and their replies, heartbeats, events of sessions."""

import math
from collections import deque
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass

import trio

from strata.inference.protocol.messages import AnyMessage, Failed, Ping, Pong, Refused, Scored, Tokens
from strata.inference.protocol.wire import Wire
from strata.inference.run.errors import NodeLost, RequestRefused
from strata.mesh import LinkClosed, ProtocolError
from strata.secure import ChannelError

HEARTBEAT_SECONDS = 1.0
SILENCE_SECONDS = 5.0
# A node that is asked because a step is late has so long to answer, or several times what it took until now.
PROBE_SECONDS = 0.25
PROBE_FACTOR = 4.0
# When others take long to answer too, it is the machine that they share, or the network, that is busy.
BUSY_SECONDS = 1.0  # the most that is waited for that reason
LATELY_SECONDS = 2.0
PARTS = 4
HELD_UP_FACTOR = 1.5
REQUEST_SECONDS = 60.0

OnEvent = Callable[[Tokens | Scored | Failed, memoryview], None]


@dataclass
class RoundTrip:
    """How long pings take: a smoothed mean and deviation, as TCP keeps them (RFC 6298, section 2), in seconds.

    least: the shortest so far, which is the link's, however busy the node is (as BBR takes it, Cardwell et al. 2016).
    """

    mean: float | None = None
    deviation: float = 0.0
    least: float = math.inf

    def note(self, seconds: float) -> None:
        """Take one more measurement."""
        self.least = min(self.least, seconds)
        if self.mean is None:
            self.mean, self.deviation = seconds, seconds / 2
            return
        self.deviation += (abs(self.mean - seconds) - self.deviation) / 4
        self.mean += (seconds - self.mean) / 8

    @property
    def timeout(self) -> float:
        """When an answer is late; 0 while nothing is known."""
        return 0.0 if self.mean is None else self.mean + 4 * self.deviation


class Pulse:
    """How long the nodes of one coordinator took lately to answer pings, all together."""

    def __init__(self) -> None:
        self._answers: deque[tuple[float, float]] = deque(maxlen=256)

    def note(self, now: float, seconds: float) -> None:
        """A node has answered."""
        self._answers.append((now, seconds))

    def longest(self, now: float) -> float:
        """The longest that any of them took lately, in seconds; 0 where nothing is known."""
        return max((seconds for at, seconds in self._answers if now - at <= LATELY_SECONDS), default=0.0)


class NodeClient:
    """One connected node. Requests go one at a time; what sessions have to say arrives through `on_event`.

    `lost` says why the link ended, None while it has not; `on_lost` is called once when it does. `mobile` is what its
    status said.
    """

    def __init__(
        self, wire: Wire, on_event: OnEvent, on_lost: Callable[["NodeClient"], None], pulse: Pulse | None = None
    ) -> None:
        self.wire = wire
        self._pulse = pulse or Pulse()
        self.name = wire.peer.name
        self.peer_id = wire.peer.peer_id
        self.lost: NodeLost | None = None
        self.mobile = False
        self._on_event = on_event
        self._on_lost = on_lost
        self.asking = trio.Lock()  # where a step is: held by one session at a time
        self._turn = trio.Lock()
        self._replies_in, self._replies = trio.open_memory_channel[tuple[AnyMessage, memoryview]](8)
        self._pings: dict[int, trio.Event] = {}
        self._ping = 0
        self._round_trip = RoundTrip()
        self._reading = trio.CancelScope()

    async def run(self) -> None:
        """Read what the node sends and watch that it lives, until the link ends. Raises nothing but Cancelled."""
        async with trio.open_nursery() as nursery:
            self._reading = nursery.cancel_scope
            nursery.start_soon(self._beat)
            try:
                while True:
                    message, payload = await self.wire.receive()
                    if self.lost is not None:
                        break  # it was given up, and what it had still to say is nobody's reply
                    if isinstance(message, Tokens | Scored | Failed):
                        self._on_event(message, payload)
                    elif isinstance(message, Pong):
                        if message.number in self._pings:
                            self._pings[message.number].set()
                    else:
                        self._replies_in.send_nowait((message, payload))
            except (LinkClosed, ChannelError, ProtocolError) as error:
                self._lose(str(error))
            except trio.WouldBlock:
                self._lose("it sends replies that nobody asked for")
            nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await self.wire.aclose()

    @property
    def round_trip(self) -> float:
        """Seconds that a ping takes at least; infinite while none was answered."""
        return self._round_trip.least

    async def _beat(self) -> None:
        try:
            while True:
                await self._probe(SILENCE_SECONDS)
                await trio.sleep(HEARTBEAT_SECONDS)
        except NodeLost:
            pass  # `on_lost` has been told

    async def probe(self, patience: float = 0.0) -> None:
        """Ping the node; raises NodeLost, and ends the link, when it does not answer soon, or within `patience` seconds
        where that is longer.
        """
        usual = PROBE_FACTOR * self._round_trip.timeout
        await self._probe(min(SILENCE_SECONDS, max(PROBE_SECONDS, usual, patience)))

    def _patience(self, seconds: float, now: float) -> float:
        return max(seconds, min(BUSY_SECONDS, PROBE_FACTOR * self._pulse.longest(now)))

    async def _probe(self, seconds: float) -> None:
        if self.lost is not None:
            raise self.lost
        self._ping += 1
        number, answered = self._ping, trio.Event()
        self._pings[number] = answered
        started = trio.current_time()
        try:
            # In parts, of which those do not count in which it was this process that had no time, as its own clock
            # tells (Dadgar et al., Lifeguard, 2018: whoever is held up himself suspects nobody).
            sent, waited = False, 0.0
            for _ in range(2 * PARTS):
                part = trio.current_time()
                patience = self._patience(seconds, part)
                if waited > 0.99 * patience:
                    break
                with trio.move_on_after(patience / PARTS):
                    if not sent:
                        await self.send(Ping(number=number))
                        sent = True
                    await answered.wait()
                    now = trio.current_time()
                    self._round_trip.note(now - started)
                    self._pulse.note(now, now - started)
                    return
                took = trio.current_time() - part
                waited += took if took < HELD_UP_FACTOR * patience / PARTS else 0.0
        finally:
            del self._pings[number]
        self._lose(f"it has not answered for {trio.current_time() - started:.2g} s")
        self._reading.cancel()  # `run` closes the link, for which nobody here has to wait
        assert self.lost is not None
        raise self.lost

    def _lose(self, reason: str) -> None:
        if self.lost is None:
            self.lost = NodeLost(self.name, reason)
            self._replies_in.close()
            self._on_lost(self)

    async def aclose(self) -> None:
        """Close the link."""
        await self.wire.aclose()

    async def send(self, message: AnyMessage, payload: bytes | memoryview = b"") -> None:
        """Send what needs no reply; raises NodeLost."""
        try:
            await self.wire.send(message, payload)
        except (LinkClosed, ChannelError) as error:
            self._lose(str(error))
            assert self.lost is not None
            raise self.lost from error

    async def reply(self) -> AnyMessage:
        """The node's next reply, within `conversation`; raises NodeLost, RequestRefused."""
        try:
            message, _ = await self._replies.receive()
        except trio.EndOfChannel:
            assert self.lost is not None
            raise self.lost from None
        if isinstance(message, Refused):
            raise RequestRefused(
                self.name, message.code, message.reason, tensor=message.tensor, missing_bytes=message.missing_bytes
            )
        return message

    @asynccontextmanager
    async def conversation(self) -> AsyncIterator[None]:
        """Have the node to oneself for a request and its replies.

        Left by another error than a refusal, the link is over: nobody could tell whose a late reply is.
        """
        async with self._turn:
            if self.lost is not None:
                raise self.lost
            try:
                yield
            except RequestRefused:
                raise
            except BaseException:
                self._lose("a request to it was broken off")
                with trio.CancelScope(shield=True):
                    await self.wire.aclose()
                raise

    async def request(
        self, message: AnyMessage, payload: bytes | memoryview = b"", seconds: float = REQUEST_SECONDS
    ) -> AnyMessage:
        """Send a request and return its reply; raises NodeLost (also when no reply comes in time), RequestRefused."""
        async with self.conversation():
            with trio.move_on_after(seconds):
                await self.send(message, payload)
                return await self.reply()
            raise NodeLost(self.name, f"it did not answer a {message.type!r} request within {seconds:g} s")
