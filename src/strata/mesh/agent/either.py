"""Dialling whoever the membership lists, over links or libp2p: how a coordinator speaks with every agent."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from strata.mesh.agent.transport import Direct
from strata.mesh.connect import Unreachable
from strata.mesh.messaging import Connection
from strata.mesh.port import Services, Transport
from strata.mesh.roster import Roster
from strata.mesh.services import AGENT
from strata.mesh.transport import Libp2p
from strata.secure import Identity, Member


class Either(Transport):
    """A direct link where a member lists an address for one, else, or where that fails, a stream of a libp2p host.

    The host is opened only where there is a member that cannot be reached without it.
    """

    def __init__(self, identity: Identity, roster: Roster) -> None:
        self._roster = roster
        self._direct = Direct(identity, roster)
        self._libp2p = Libp2p(identity, roster)

    @asynccontextmanager
    async def opened(self) -> AsyncIterator[None]:
        """As `Transport.opened`."""
        if all(not member.addresses or self._takes_links(member) for member in self._roster.membership.members):
            yield
            return
        async with self._libp2p.opened():
            yield

    async def dial(self, peer_id: str, timeout: float, service: str = AGENT) -> Connection:
        """As `Transport.dial`."""
        deadline = trio.current_time() + timeout
        member = self._roster.membership.member(peer_id)
        if self._takes_links(member) or not self._libp2p.is_open:
            try:
                return await self._direct.dial(peer_id, timeout, service)
            except Unreachable:
                if not (member.multiaddrs and self._libp2p.is_open):
                    raise
        return await self._libp2p.dial(peer_id, max(0.0, deadline - trio.current_time()), service)

    async def serve(self, services: Services, *, task_status: trio.TaskStatus[str]) -> None:
        """Over direct links; as `Transport.serve`."""
        await self._direct.serve(services, task_status=task_status)

    def _takes_links(self, member: Member) -> bool:
        """Whether it, or a front of it, listens for direct links."""
        fronts = (self._roster.membership.named(front) for front in member.fronts)
        return any(each.direct for each in (member, *fronts))
