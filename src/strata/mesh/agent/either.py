"""Dialling whoever the membership lists, over links or libp2p: how a coordinator speaks with everybody."""

import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial

import trio

from strata.mesh.agent.transport import Direct
from strata.mesh.connect import Unreachable
from strata.mesh.messaging import Connection
from strata.mesh.port import Enhanced, Services, Transport, by_flag
from strata.mesh.roster import Roster
from strata.mesh.services import AGENT
from strata.mesh.transport import Libp2p
from strata.secure import Identity, Member

log = logging.getLogger(__name__)


class Either(Transport):
    """A direct link where a member lists an address for one, else, or where that fails, a stream of a libp2p host.

    enhanced: of a peer id, whether it is so; where not, a stream comes first, and then a link. The host is opened only
    where there is a member that cannot be reached without it, unless these are left out (`everybody`), or is not to be.
    direct, libp2p: who serves does it over both of these; else it listens for links alone.
    """

    def __init__(
        self,
        identity: Identity,
        roster: Roster,
        *,
        enhanced: Enhanced = by_flag,
        everybody: bool = True,
        direct: Direct | None = None,
        libp2p: Libp2p | None = None,
    ) -> None:
        self._roster = roster
        self._enhanced = enhanced
        self._everybody = everybody
        self._direct = direct or Direct(identity, roster)
        self._libp2p = libp2p or Libp2p(identity, roster, enhanced=enhanced)
        self._listens = libp2p is not None

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """As `Transport.opened`."""
        if not any(map(self._needs_streams, self._roster.membership.members)):
            yield
            return
        async with self._libp2p.opened():
            yield

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT) -> Connection:
        """As `Transport.dial`."""
        deadline = trio.current_time() + timeout
        member = self._roster.membership.member(peer_id)
        streams = partial(self._libp2p.dial, peer_id, service=service)
        links = partial(self._direct.dial, peer_id, service=service)
        if not self._libp2p.is_open or (self._takes_links(member) and not member.multiaddrs):
            return await links(timeout)
        if not self._takes_links(member):
            return await streams(timeout)
        first, second = (streams, links) if self._detours(member) else (links, streams)
        try:
            return await first(timeout)
        except Unreachable:
            return await second(max(0.0, deadline - trio.current_time()))

    async def serve(self, services: Services, *, task_status: trio.TaskStatus[str]) -> None:
        """As `Transport.serve`; reports where it takes links."""
        async with trio.open_nursery() as nursery:
            if self._listens:
                log.info("listening for libp2p at %s", await nursery.start(partial(self._libp2p.serve, services)))
            await self._direct.serve(services, task_status=task_status)

    def _needs_streams(self, member: Member) -> bool:
        if self._takes_links(member):
            return self._detours(member)
        return self._everybody and bool(member.addresses)

    def _detours(self, member: Member) -> bool:
        """Whether a stream comes before a link."""
        return bool(member.multiaddrs) and not self._enhanced(member.peer_id)

    def _takes_links(self, member: Member) -> bool:
        """Whether it, or a front of it, listens for direct links."""
        fronts = (self._roster.membership.named(front) for front in member.fronts)
        return any(each.direct for each in (member, *fronts))
