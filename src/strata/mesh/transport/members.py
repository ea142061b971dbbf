"""Members reached through libp2p hosts: what carries the mesh's records is a stream of a connection, not a link."""

from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Sequence
from contextlib import asynccontextmanager
from types import ModuleType
from typing import TYPE_CHECKING
from weakref import WeakSet

import trio

from strata.mesh.connect import Unreachable
from strata.mesh.messaging import Connection
from strata.mesh.port import Enhanced, Services, Transport, by_flag
from strata.mesh.roster import Roster
from strata.mesh.services import AGENT
from strata.mesh.transport.host import open_host
from strata.mesh.transport.limits import RelayLimits
from strata.secure import EchKeys, Identity, Member, ReplayCache

if TYPE_CHECKING:
    from libp2p.abc import IHost, INetConn

_FIRST_SHARE = 0.5  # of a dial's time, for a connection that is there already


class Libp2p(Transport):
    """A member's host; connections are kept and used again, and each dial is a stream of one.

    addresses: multiaddrs to listen on, none for who only dials. keys, replays, stock, fronting, enhanced:
    as `open_host` takes them. relaying: be a relay for members within these limits. While it serves it keeps places at
    the relays over which the membership says that it is reached.
    """

    def __init__(
        self,
        identity: Identity,
        roster: Roster,
        addresses: Sequence[str] = (),
        *,
        keys: EchKeys | None = None,
        replays: ReplayCache | None = None,
        stock: Collection[str] = (),
        fronting: bool = False,
        relaying: RelayLimits | None = None,
        enhanced: Enhanced = by_flag,
    ) -> None:
        self._identity = identity
        self._roster = roster
        self._addresses = addresses
        self._keys = keys
        self._replays = replays
        self._stock = stock
        self._fronting = fronting
        self._relaying = relaying
        self._enhanced = enhanced
        self._host: IHost | None = None
        self._turns: defaultdict[str, trio.Lock] = defaultdict(trio.Lock)
        self._given_up: WeakSet[INetConn] = WeakSet()

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """Have a host for the block; blocks may lie within each other. Raises CannotListen."""
        if self._host is not None:
            yield
            return
        async with open_host(
            self._identity,
            self._roster,
            self._addresses,
            stock=self._stock,
            keys=self._keys,
            replays=self._replays,
            fronting=self._fronting,
            enhanced=self._enhanced,
        ) as host:
            self._host = host
            try:
                yield
            finally:
                self._host = None

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT) -> Connection:
        """A stream to a member for one of its services, within `timeout` seconds; a host must be open.

        Raises NotAMember, Unreachable. A connection on which nobody answers in half the time is used no more: the peer
        may have lost it without our being told.
        """
        member = self._roster.membership.member(peer_id)
        host, reach = self._running, _room()
        try:
            with trio.fail_after(timeout):
                if (connection := self._usable(peer_id)) is not None:
                    with trio.move_on_after(timeout * _FIRST_SHARE):
                        try:
                            return await self._open(connection, member, service)
                        except Unreachable:
                            if not reach.is_over(connection):
                                raise
                    self._given_up.add(connection)
                async with self._turns[peer_id]:  # who comes second takes the connection of who comes first
                    connection = self._usable(peer_id) or await reach.connect(host, self._roster, member)
                return await self._open(connection, member, service)
        except trio.TooSlowError:
            raise Unreachable(f"{member.name} did not answer within {timeout:g} s") from None

    async def serve(self, services: Services, *, task_status: trio.TaskStatus[str]) -> None:
        """Run each service's handler with the streams that members open, until cancelled.

        Reports the first multiaddr that it listens at, and nothing where there is none; raises CannotListen.
        """
        async with self.opened(), trio.open_nursery() as nursery:
            reach = _room()
            for service, handler in services.items():
                reach.serve_streams(self._running, self._roster, service, handler)
            if self._relaying is not None:
                reach.serve_relay(self._running, self._roster, self._relaying)
            nursery.start_soon(reach.keep_places, self._running, self._roster)
            listening = self._running.get_transport_addrs()
            task_status.started(str(listening[0]) if listening else "")
            await trio.sleep_forever()

    async def _open(self, connection: "INetConn", member: Member, service: str) -> Connection:
        opened: Connection = await _room().open_stream(connection, self._roster, member, service)
        return opened

    def _usable(self, peer_id: str) -> "INetConn | None":
        found = _room().connections(self._running, peer_id)
        return next((each for each in found if each not in self._given_up), None)

    @property
    def is_open(self) -> bool:
        """Whether it can dial now."""
        return self._host is not None

    @property
    def _running(self) -> "IHost":
        if self._host is None:
            raise RuntimeError("no host is open: dial within `opened`, or while serving")
        return self._host


def _room() -> ModuleType:
    """What needs libp2p, which takes a second to import."""
    from strata.mesh.transport import reach

    return reach
