"""Agents that tell of others whatever a test has them hold."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import trio

from strata.mesh import AGENT, Connection, Device, Direct, LinkClosed, Roster
from strata.mesh.agent import Held, HeldState, Status, Wire
from strata.secure import ChannelError, Identity, Membership


class Witnesses:
    """Members by name. held: by each of them, of others by name; `scopes` ends one."""

    def __init__(self, names: str) -> None:
        self.keys = {name: Identity.generate() for name in [*names, "boss"]}
        self.membership = Membership.found(self.keys["boss"])
        self.membership = self.membership.with_member(self.keys["boss"].card, "boss", (), ("coordinator",))
        self.held: dict[str, dict[str, HeldState]] = {name: {} for name in names}
        self.asked: dict[str, int] = dict.fromkeys(names, 0)
        self.scopes = {name: trio.CancelScope() for name in names}

    @property
    def transport(self) -> Direct:
        """The coordinator's."""
        return Direct(self.keys["boss"], self.roster)

    @property
    def roster(self) -> Roster:
        """The coordinator's."""
        return Roster(self.membership)

    def name(self, peer_id: str) -> str:
        """Whose it is."""
        return self.membership.member(peer_id).name

    async def serve(self, name: str, *, task_status: trio.TaskStatus[str]) -> None:
        """Answer as this one's agent."""

        async def handle(connection: Connection) -> None:
            wire = Wire(connection)
            try:
                while True:
                    await wire.receive()
                    self.asked[name] += 1
                    held = tuple(
                        Held(peer=self.keys[other].peer_id, state=state, seconds=1.0)
                        for other, state in self.held[name].items()
                    )
                    await wire.send(
                        Status(
                            version="1",
                            membership=1,
                            device=Device.SERVER,
                            most_links=8,
                            neighbours=(),
                            told=(),
                            held=held,
                        )
                    )
            except (LinkClosed, ChannelError):
                pass

        with self.scopes[name]:
            await Direct(self.keys[name], Roster(self.membership)).serve({AGENT: handle}, task_status=task_status)


@asynccontextmanager
async def witnesses_of(names: str) -> AsyncIterator[Witnesses]:
    """As many agents."""
    witnesses = Witnesses(names)
    for name in names:
        witnesses.membership = witnesses.membership.with_member(witnesses.keys[name].card, name)
    async with trio.open_nursery() as nursery:
        for name in names:
            address = await nursery.start(witnesses.serve, name)
            witnesses.membership = witnesses.membership.with_member(witnesses.keys[name].card, name, (address,))
        yield witnesses
        nursery.cancel_scope.cancel()
