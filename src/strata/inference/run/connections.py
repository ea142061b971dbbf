"""The coordinator's links to the nodes of a mesh: made once, made anew when one has ended."""

import time
from collections import defaultdict
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import Protocol

import trio

from strata.errors import StrataError
from strata.inference.plan import StagePlan
from strata.inference.plan.nodes import NodeProfile
from strata.inference.protocol.messages import Failed, GetStatus, Scored, Status, Tokens, Update
from strata.inference.protocol.wire import Wire
from strata.inference.run.concurrent import each
from strata.inference.run.errors import NodeLost, RequestRefused, StageFailed
from strata.inference.run.peers import NodeClient, Pulse
from strata.mesh import (
    HANDSHAKE_SECONDS,
    INFERENCE,
    Connection,
    HeldState,
    Lookout,
    Recent,
    Roster,
    Transport,
    Unreachable,
)
from strata.secure import ChannelError, Member
from strata.triage import Breakers

RECONNECT_SECONDS = 0.5
RECONNECT_LONGEST = 2.0
DEAD_SECONDS = 2.0
SUSPECT_SECONDS = 1.0  # for a node to answer that others suspect, which may just be slow
REACH_SECONDS = 2.0  # for a node that a reader waits for
ASIDE_SECONDS = 3.0


class Listener(Protocol):
    """A run, which wants to know what happens to its session and to the nodes."""

    session: str

    def on_event(self, event: Tokens | Scored | Failed, payload: memoryview) -> None:
        """A stage has something to say of the session."""

    def on_lost(self, client: NodeClient) -> None:
        """The link to a node has ended."""


class Connections:
    """Links to nodes by member name, made by `transport`, which is open; their readers run in `nursery`.

    sealed: a membership that every node is given when it is connected. recent: what sweeps of the mesh found.
    `unreachable` says why a node is not connected.
    """

    def __init__(
        self,
        transport: Transport,
        roster: Roster,
        sealed: bytes | None,
        nursery: trio.Nursery,
        recent: Recent,
    ) -> None:
        self._roster = roster
        self._sealed = sealed
        self._nursery = nursery
        self._recent = recent
        self._clients: dict[str, NodeClient] = {}
        self._pulse = Pulse()
        self._first: dict[str, Status] = {}
        self._listeners: dict[str, Listener] = {}
        self._dialing: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)
        self._breakers = Breakers(failures=1, cool_down=RECONNECT_SECONDS, longest=RECONNECT_LONGEST)
        self._dials: dict[str, trio.CancelScope] = {}
        self._transport = transport
        self._lookout = Lookout(transport, roster, self._told)
        self.unreachable: dict[str, StrataError] = {}

    async def connect_all(self) -> None:
        """Connect to all nodes at the same time; raises Unreachable when none answers."""
        await each(self._connect, self._members())
        if not self._clients:
            reasons = "; ".join(f"{name}: {error}" for name, error in self.unreachable.items())
            raise Unreachable(f"no node of the mesh answers ({reasons or 'it has no nodes'})")

    async def heed_the_mesh(self) -> None:
        """Have the mesh tell who is suspect or dead, until cancelled."""
        await self._lookout.run()

    async def stay_connected(self) -> None:
        """Connect anew to nodes whose link has ended, less often to one that does not answer; until cancelled."""
        async with trio.open_nursery() as nursery:  # one that takes the connection and is silent keeps up no other
            while True:
                await trio.sleep(RECONNECT_SECONDS)
                for member in self._members():
                    if not self._is_connected(member.name) and not self._dialing[member.name].locked():
                        nursery.start_soon(self._reconnect, member)

    async def reconnect(self, seconds: float) -> None:
        """Try for so long to connect to every node that is not connected, even if it did not answer lately."""
        with trio.move_on_after(seconds):
            await each(self._connect, [member for member in self._members() if not self._is_connected(member.name)])

    async def probe(self, clients: Sequence[NodeClient]) -> None:
        """Have these nodes answer, all at the same time; one that does not is not connected any more."""

        async def ask(client: NodeClient) -> None:
            with suppress(NodeLost):
                await client.probe()

        await each(ask, clients)

    def inventory(self) -> list[NodeProfile]:
        """The connected nodes, as they described themselves when they were connected (flops and bandwidth are 1)."""
        return [unmeasured(client, self._first[client.name]) for client in self.clients]

    async def aclose(self) -> None:
        """Close all links."""
        await each(NodeClient.aclose, list(self._clients.values()))

    def doubted(self) -> set[str]:
        """Names of nodes that the mesh holds dead, or gone, even where they are connected here."""
        gone = ("dead", "left")
        return {member.name for member in self._members() if self._lookout.state(member.peer_id) in gone}

    @property
    def clients(self) -> list[NodeClient]:
        """The connected nodes, in the membership's order."""
        found = [self._clients.get(member.name) for member in self._roster.membership.members]
        return [client for client in found if client is not None and client.lost is None]

    async def for_stages(self, stages: Sequence[StagePlan]) -> list[NodeClient]:
        """The nodes that hold these stages, connected anew where a link has ended; raises StageFailed."""
        return await each(self._for_stage, stages)

    @asynccontextmanager
    async def aside(self, client: NodeClient) -> AsyncIterator[NodeClient]:
        """Another link to a connected node, which can be broken off without harm; raises Unreachable, ChannelError."""
        link = await self._transport.dial(client.peer_id, ASIDE_SECONDS, INFERENCE)
        other = NodeClient(Wire(link), on_event=lambda *_: None, on_lost=lambda _: None)
        self._nursery.start_soon(other.run)
        try:
            yield other
        finally:
            with trio.CancelScope(shield=True):
                await other.aclose()

    def traffic(self, name: str, now: Status) -> tuple[int, int]:
        """Bytes that a node has sent and received since it was first connected here."""
        first = self._first[name]
        return now.bytes_sent - first.bytes_sent, now.bytes_received - first.bytes_received

    def listen(self, run: Listener) -> None:
        """Have `run` told of its session's events and of lost nodes, until `forget`."""
        self._listeners[run.session] = run

    def forget(self, run: Listener) -> None:
        """Undo `listen`."""
        del self._listeners[run.session]

    async def _for_stage(self, stage: StagePlan) -> NodeClient:
        if not self._is_connected(stage.node):
            known = [member for member in self._roster.membership.members if member.name == stage.node]
            if not known:
                raise StageFailed.of(stage, "it is not a member of this mesh")
            with trio.move_on_after(REACH_SECONDS):
                await self._connect(known[0])
        client = self._clients.get(stage.node)
        if client is None or client.lost is not None:
            raise StageFailed.of(stage, str(self.unreachable.get(stage.node, "it does not answer")))
        return client

    def _members(self) -> list[Member]:
        return [member for member in self._roster.membership.members if "node" in member.roles]

    def _is_connected(self, name: str) -> bool:
        client = self._clients.get(name)
        return client is not None and client.lost is None

    async def _reconnect(self, member: Member) -> None:
        if self._breakers.allows(member.name, trio.current_time()):
            await self._connect(member)
            if self._is_connected(member.name):
                self._breakers.succeeded(member.name)
            else:
                self._breakers.failed(member.name, trio.current_time())

    async def _connect(self, member: Member) -> None:
        async with self._dialing[member.name]:
            if not self._is_connected(member.name):
                await self._dial(member)

    async def _reach(self, member: Member) -> Connection:
        """A link. A member that the mesh holds dead may be back, but nobody waits long to see.

        Raises Unreachable, ChannelError.
        """
        dead = self._recent.is_dead(member.name, time.time()) or self._lookout.state(member.peer_id) != "alive"
        with trio.move_on_after(DEAD_SECONDS if dead else HANDSHAKE_SECONDS) as scope:
            self._dials[member.peer_id] = scope
            try:
                return await self._transport.dial(member.peer_id, HANDSHAKE_SECONDS, INFERENCE)
            finally:
                del self._dials[member.peer_id]
        raise Unreachable(f"{member.name} did not answer, and is held dead by the mesh")

    def _told(self, peer_id: str, state: HeldState) -> None:
        """The mesh holds something else of a member from now on: where that is nothing good, see whether it is so."""
        if state == "alive":
            return
        if (scope := self._dials.get(peer_id)) is not None:
            scope.deadline = min(scope.deadline, trio.current_time() + DEAD_SECONDS)
        for client in self.clients:
            if client.peer_id == peer_id:
                self._nursery.start_soon(_look, client, SUSPECT_SECONDS if state == "suspect" else 0.0)

    async def _dial(self, member: Member) -> None:
        self._clients.pop(member.name, None)
        try:
            link = await self._reach(member)
            client = NodeClient(Wire(link), self._on_event, self._on_lost, self._pulse)
            self._nursery.start_soon(client.run)
            if self._sealed is not None:
                await client.request(Update(), self._sealed)
            status = await status_of(client)
        except (Unreachable, ChannelError, NodeLost, RequestRefused) as error:
            self.unreachable[member.name] = error
            return
        client.mobile = status.mobile
        first = self._first.get(member.name)
        if first is None or status.bytes_sent < first.bytes_sent:  # it was restarted
            self._first[member.name] = status
        self._clients[member.name] = client
        self.unreachable.pop(member.name, None)

    def _on_event(self, event: Tokens | Scored | Failed, payload: memoryview) -> None:
        listener = self._listeners.get(event.session)
        if listener is not None:
            listener.on_event(event, payload)

    def _on_lost(self, client: NodeClient) -> None:
        for listener in self._listeners.values():
            listener.on_lost(client)


async def _look(client: NodeClient, patience: float) -> None:
    with suppress(NodeLost):  # `on_lost` is told
        await client.probe(patience)


def unmeasured(client: NodeClient, status: Status) -> NodeProfile:
    """A node as it describes itself; flops and bandwidth are 1."""
    return NodeProfile(client.name, status.memory_bytes, 1.0, 1.0, status.mobile)


async def status_of(client: NodeClient) -> Status:
    """Ask a node how it is; raises NodeLost."""
    status = await client.request(GetStatus())
    assert isinstance(status, Status)
    return status
