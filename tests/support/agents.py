"""Agents of a mesh in this process, over real sockets."""

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from functools import cache
from pathlib import Path

import trio

from strata.mesh import Agent, Device, Direct, NeighbourBook, Roster
from strata.mesh.members import Timing
from strata.secure import Identity, Membership

COORDINATOR = Identity.generate()


@cache
def identity_of(name: str) -> Identity:
    """The same for the whole session: keys take time."""
    return Identity.generate()


class Agents:
    """What `agents_of` yields. `roster` and `transport` are the coordinator's."""

    def __init__(
        self,
        names: Sequence[str],
        nursery: trio.Nursery,
        folder: Path | None,
        *,
        most_links: int,
        hidden: Sequence[str],
        timing: Timing | None,
    ) -> None:
        self.names = tuple(names)
        self.ids = {name: identity_of(name).peer_id for name in names}
        self.rosters: dict[str, Roster] = {}
        self.versions: dict[str, str] = {}
        self.expiring: dict[str, dict[str, float]] = {}
        self.scopes: dict[str, trio.CancelScope] = {}
        self.addresses: dict[str, str] = {}
        self.agents: dict[str, Agent] = {}
        self._ended: dict[str, trio.Event] = {}
        self._hidden = hidden
        self._timing = timing
        self._nursery = nursery
        self._folder = folder
        self._most_links = most_links
        membership = Membership.found(COORDINATOR).with_member(COORDINATOR.card, "boss", (), ("coordinator",))
        for name in names:
            membership = membership.with_member(identity_of(name).card, name)
        self.sealed = membership.seal(COORDINATOR)
        self.roster = Roster(membership)
        self.transport = Direct(COORDINATOR, self.roster)

    def book(self, name: str) -> Path | None:
        """The file of an agent's neighbours."""
        return None if self._folder is None else self._folder / name

    async def start(self, name: str, *, device: Device = Device.SERVER) -> None:
        """Start, or start again at the same address."""
        identity = identity_of(name)
        roster = self.rosters[name] = Roster(self.roster.membership)
        port = int(self.addresses.get(name, ":0").rpartition(":")[2])
        agent = self.agents[name] = Agent(
            identity.peer_id,
            roster,
            self.sealed,
            Direct(identity, roster, port=port),
            NeighbourBook(roster.membership.mesh_id, self.book(name)),
            version=self.versions.get(name, "1"),
            device=device,
            timing=self._timing,
            most_links=self._most_links,
            membership_file=None if self._folder is None else self._folder / f"{name}.mesh",
            expiring=lambda: self.expiring.get(name, {}),
        )
        scope = self.scopes[name] = trio.CancelScope()
        ended = self._ended[name] = trio.Event()

        async def run(*, task_status: trio.TaskStatus[str]) -> None:
            with scope:
                await agent.run(task_status=task_status)
            ended.set()

        self.addresses[name] = await self._nursery.start(run)

    def publish(self) -> None:
        """Have everybody know all addresses."""
        membership = self.roster.membership
        for name, address in self.addresses.items():
            if name in self._hidden:
                continue
            membership = membership.with_member(identity_of(name).card, name, (address,))
        self.sealed = sealed = membership.seal(COORDINATOR)
        for roster in (self.roster, *self.rosters.values()):
            if roster.membership.version < membership.version:
                roster.update(sealed)

    async def kill(self, name: str) -> None:
        """End an agent and all its connections."""
        self.scopes.pop(name).cancel()
        await self._ended.pop(name).wait()


@asynccontextmanager
async def agents_of(
    names: Sequence[str] | int,
    folder: Path | None = None,
    *,
    most_links: int = 64,
    hidden: Sequence[str] = (),
    mobile: Sequence[str] = (),
    timing: Timing | None = None,
    seconds: float = 60,
) -> AsyncIterator[Agents]:
    """A mesh of these agents, none of which has a neighbour. hidden: those without an address in the membership."""
    if isinstance(names, int):
        names = [f"m{number:02}" for number in range(names)]
    with trio.fail_after(seconds):  # the test hung
        async with trio.open_nursery() as nursery:
            agents = Agents(names, nursery, folder, most_links=most_links, hidden=hidden, timing=timing)
            for name in names:
                await agents.start(name, device=Device.MOBILE if name in mobile else Device.SERVER)
            agents.publish()
            yield agents
            nursery.cancel_scope.cancel()
