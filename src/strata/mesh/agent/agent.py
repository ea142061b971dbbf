"""An agent: the mesh's hand on one machine. It keeps the links that it was told to, answers probes and probes others.

Who may do what is decided here: every connection is a member's, but only a member with the role "coordinator" may have
it dial, drop or probe. A bad peer costs only its own connection.
"""

import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from contextlib import ExitStack
from pathlib import Path

import trio

from strata.errors import StrataError
from strata.mesh.agent.asking import LINK_ERRORS, RequestRefused, join, why
from strata.mesh.agent.book import NeighbourBook
from strata.mesh.agent.keeping import keep
from strata.mesh.agent.links import Links
from strata.mesh.agent.messages import (
    AnyMessage,
    Dial,
    Done,
    Drop,
    Echoes,
    Expiring,
    GetStatus,
    Keep,
    Ping,
    Pong,
    Probe,
    Probed,
    Refused,
    Status,
    Tell,
    Update,
    Wire,
)
from strata.mesh.agent.probing import PROBES_AT_ONCE, probe
from strata.mesh.agent.watching import Watch
from strata.mesh.members import SignedCharter, Timing
from strata.mesh.messaging import Connection, ProtocolError
from strata.mesh.network import Device
from strata.mesh.port import Transport
from strata.mesh.roster import Roster
from strata.mesh.services import AGENT
from strata.secure import MembershipError, write_membership

log = logging.getLogger(__name__)

IDLE_SECONDS = 20.0  # a connection that says nothing for so long is closed, unless its Keep says another time
CONNECTIONS_OF_ONE = 16
MOST_LINKS = 64

Service = Callable[[Connection], Awaitable[None]]
NONE: Mapping[str, Service] = {}


class Agent:
    """One member's agent; `run` serves until it is cancelled. Raises MembershipError.

    me: its peer id. sealed: the membership of `roster` as its owner signed it. version: of the software, which it
    tells. most_links: neighbours that it bears. timing: of its failure detector; by default as the device asks.
    membership_file: where a newer membership is kept. expiring: what runs out, and when (seconds since 1970).
    """

    def __init__(
        self,
        me: str,
        roster: Roster,
        sealed: bytes,
        transport: Transport,
        book: NeighbourBook,
        *,
        version: str,
        device: Device = Device.SERVER,
        most_links: int = MOST_LINKS,
        timing: Timing | None = None,
        membership_file: Path | None = None,
        expiring: Callable[[], Mapping[str, float]] = dict,
    ) -> None:
        self._roster = roster
        self.transport = transport
        self._book = book
        self._version = version
        self._device = device
        self._membership_file = membership_file
        self._expiring = expiring
        self._links = Links(most_links)
        self._charter = SignedCharter(roster, sealed)
        self._watch = Watch(
            me,
            roster,
            self._charter,
            transport,
            mobile=device is Device.MOBILE,
            timing=timing,
            membership_came=self._membership_came,
            woke=self._woke,
        )
        self._writing = trio.Lock()
        self._probes = trio.CapacityLimiter(PROBES_AT_ONCE)
        self._connections: Counter[str] = Counter()
        self._keepers: dict[str, trio.CancelScope] = {}
        self._nursery: trio.Nursery | None = None

    async def run(
        self, services: Mapping[str, Service] = NONE, *, task_status: trio.TaskStatus[str] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve, and have `services` served beside; reports the address that it listens at ("host:port").

        Raises CannotListen.
        """
        async with trio.open_nursery() as nursery:
            self._nursery = nursery
            address: str = await nursery.start(
                lambda *, task_status: self.transport.serve({AGENT: self.handle, **services}, task_status=task_status)
            )
            await nursery.start(self._watch.run, address)
            self._dial_anew()
            task_status.started(address)

    async def leave(self) -> None:
        """Tell others that this member goes, which takes no longer than a second; then cancel `run`."""
        await self._watch.leave()

    async def handle(self, connection: Connection) -> None:
        """Serve one member until its connection ends, one request after another."""
        wire, peer = Wire(connection), connection.peer
        self._connections[peer.peer_id] += 1
        try:
            if self._connections[peer.peer_id] > CONNECTIONS_OF_ONE:
                log.warning("hung up on %s, which has %d connections here", peer.name, CONNECTIONS_OF_ONE)
                return
            with ExitStack() as kept:
                patience = IDLE_SECONDS
                message, payload = await _next(wire, patience)
                if isinstance(message, Tell):
                    await self._watch.datagrams.attend(wire, bytes(payload))
                while True:
                    reply = await self._answered(wire, message, bytes(payload), kept)
                    with trio.fail_after(IDLE_SECONDS):
                        await wire.send(reply)
                    if isinstance(message, Keep):
                        patience = message.silence_seconds
                    message, payload = await _next(wire, patience)
        except ProtocolError as error:
            log.warning("hung up on %s: %s", peer.name, error)
        except LINK_ERRORS as error:
            log.info("the connection of %s ended: %s", peer.name, why(error))
        finally:
            self._connections[peer.peer_id] -= 1
            if not self._connections[peer.peer_id]:
                del self._connections[peer.peer_id]

    async def _answered(self, wire: Wire, message: AnyMessage, payload: bytes, kept: ExitStack) -> AnyMessage:
        match message:
            case Ping():
                return Pong(number=message.number)
            case GetStatus():
                return self._status()
            case Update():
                await self.take_membership(payload)
                return Done()
            case Keep():
                return self._keep(wire, kept)
            case Dial() | Drop() | Probe():
                if "coordinator" not in wire.peer.roles:
                    reason = f"{wire.peer.name} is not a coordinator of this mesh: it may not {message.type}"
                    return Refused(code="role", reason=reason)
                return await self._obey(message)
        raise ProtocolError(f"a {message.type!r} message is not for an agent")

    async def _obey(self, message: Dial | Drop | Probe) -> AnyMessage:
        match message:
            case Dial():
                return await self._dial(message.peer)
            case Drop():
                await self._drop(message.peer)
                return Done()
            case Probe():
                return await self._probe(message)

    def _status(self) -> Status:
        return Status(
            version=self._version,
            membership=self._roster.membership.version,
            device=self._device,
            most_links=self._links.most,
            neighbours=self._links.neighbours(),
            told=self._book.peers,
            expiring=tuple(Expiring(what=what, at=at) for what, at in self._expiring().items()),
            incarnation=self._watch.incarnation,
            held=self._watch.held(),
        )

    async def take_membership(self, sealed: bytes) -> None:
        """Go by this membership from now on, where it is newer, whoever brought it and to whichever service."""
        if self._charter.take(sealed):
            self._watch.recheck()
            await self._follow_membership()

    def _membership_came(self) -> None:
        assert self._nursery is not None
        self._nursery.start_soon(self._follow_membership)

    async def _follow_membership(self) -> None:
        """Keep the newest membership, and no link with who is not in it."""
        async with self._writing:
            if self._membership_file is not None:
                try:
                    await trio.to_thread.run_sync(write_membership, self._membership_file, self._charter.sealed)
                except MembershipError as error:
                    log.info("kept the membership file: %s", error)
            for peer_id in self._book.peers:
                if not self._charter.lists(peer_id):
                    await self._drop(peer_id)

    def _keep(self, wire: Wire, kept: ExitStack) -> AnyMessage:
        if self._links.full and not self._links.is_up(wire.peer.peer_id):
            return Refused(code="full", reason=f"it has {self._links.most} neighbours and bears no more")
        kept.close()  # asked twice, it is one link
        kept.enter_context(self._links.holding(wire))
        return Done()

    async def _dial(self, peer_id: str) -> AnyMessage:
        if self._links.is_up(peer_id):
            return Done()
        if self._links.full:
            return Refused(code="full", reason=f"it has {self._links.most} neighbours and bears no more")
        try:
            wire = await join(self.transport, peer_id, self._watch.presence.heartbeat(peer_id))
        except LINK_ERRORS as error:
            return Refused(code="unreachable", reason=why(error))
        except StrataError as error:  # not a member, or it is full
            code = error.code if isinstance(error, RequestRefused) else "other"
            return Refused(code=code, reason=why(error))
        await trio.to_thread.run_sync(self._book.add, peer_id)
        self._begin(peer_id, wire)
        return Done()

    async def _drop(self, peer_id: str) -> None:
        await trio.to_thread.run_sync(self._book.remove, peer_id)
        if (keeper := self._keepers.pop(peer_id, None)) is not None:
            keeper.cancel()
        await self._links.close(peer_id)

    async def _probe(self, order: Probe) -> Probed:
        results: dict[str, Echoes] = {}

        async def one(peer_id: str) -> None:
            async with self._probes:
                metered = self._device is Device.MOBILE or self._watch.presence.is_mobile(peer_id)
                sample_bytes = 0 if metered else order.sample_bytes
                results[peer_id] = await probe(self.transport, peer_id, order.pings, sample_bytes)

        async with trio.open_nursery() as nursery:
            for peer_id in dict.fromkeys(order.peers):
                nursery.start_soon(one, peer_id)
        return Probed(results=tuple(results[peer_id] for peer_id in order.peers))

    def _woke(self) -> None:
        """This process has slept: what its links are worth, nobody knows."""
        assert self._nursery is not None
        for neighbour in self._links.neighbours():
            self._nursery.start_soon(self._links.close, neighbour.peer)
        self._dial_anew()

    def _dial_anew(self) -> None:
        """Make the links that are to be kept anew."""
        for peer_id in self._book.peers:
            self._begin(peer_id)

    def _begin(self, peer_id: str, wire: Wire | None = None) -> None:
        """Keep a link from now on, in place of an older try at it."""
        assert self._nursery is not None
        if (older := self._keepers.pop(peer_id, None)) is not None:
            older.cancel()
        scope = self._keepers[peer_id] = trio.CancelScope()

        async def keeping() -> None:
            with scope:
                await keep(self.transport, self._links, self._watch.presence, peer_id, wire)

        self._nursery.start_soon(keeping)


async def _next(wire: Wire, seconds: float) -> tuple[AnyMessage, memoryview]:
    with trio.fail_after(seconds):
        return await wire.receive()
