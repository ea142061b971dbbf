"""A member's process, whatever it serves beside its agent: what its home holds, its one listener, and how it ends."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Self

import trio

from strata.mesh.agent.agent import MOST_LINKS, Agent
from strata.mesh.agent.book import NeighbourBook
from strata.mesh.agent.messages import ECH_CONFIG
from strata.mesh.agent.place import Place, transport_at
from strata.mesh.network import Device
from strata.mesh.process import allow_files, end_on_signal, end_with_stdin, keep_known, newest_membership, open_roster
from strata.mesh.roster import Roster
from strata.secure import EchKeys, Identity, ReplayCache, ReplayFile, open_ech_keys


@dataclass(frozen=True)
class OwnMember:
    """Who this process is. All its services go by one roster, one set of keys for hellos and one memory of them.

    sealed: the membership that it began with, as its owner signed it.

    In its home: `identity.json` its key, `mesh` the newest membership it has seen, `neighbours` whom it keeps links to,
    `ech.json` the keys that open hellos, `ech-known.json` the configs of others, `replays` which hellos were seen.
    """

    home: Path
    identity: Identity
    roster: Roster
    sealed: bytes
    keys: EchKeys
    replays: ReplayCache

    @classmethod
    def open(cls, home: Path, mesh: Path) -> Self:
        """That of the mesh in this membership file, unless it has seen a newer one.

        Raises IdentityError, MembershipError, NotAMember.
        """
        identity = Identity.load(home / "identity.json")
        membership, sealed = newest_membership(mesh, home / "mesh")
        roster = open_roster(membership, home)
        membership.member(identity.peer_id)
        keys, replays = open_ech_keys(home / "ech.json"), ReplayCache(file=ReplayFile(home / "replays"))
        return cls(home, identity, roster, sealed, keys, replays)

    @property
    def membership_file(self) -> Path:
        """Where a newer membership is kept."""
        return self.home / "mesh"

    def announce(self, address: str, **more: int) -> None:
        """Say, as one line of JSON, that it is ready: peer_id, name, address, and what more there is to say."""
        name = self.roster.membership.member(self.identity.peer_id).name
        ready = {"peer_id": self.identity.peer_id, "name": name, "address": address, **more}
        print(json.dumps(ready), flush=True)


def open_agent(
    own: OwnMember,
    place: Place,
    *,
    device: Device = Device.SERVER,
    most_links: int = MOST_LINKS,
    fronting: bool = False,
    relaying: bool = False,
    also: str | None = None,
) -> Agent:
    """This member's agent, whose `run` listens at `place` for it and for the services it is given.

    fronting: pass on what is for members that name this one as their front. relaying, for libp2p alone: also for
    members that cannot be dialled and keep a place here. also: beside direct links, a multiaddr where it listens too.
    Raises BadBook.
    """
    transport = transport_at(
        place,
        own.identity,
        own.roster,
        keys=own.keys,
        replays=own.replays,
        fronting=fronting,
        relaying=relaying,
        also=also,
    )
    return Agent(
        own.identity.peer_id,
        own.roster,
        own.sealed,
        transport,
        NeighbourBook(own.roster.membership.mesh_id, own.home / "neighbours"),
        version=version("strata"),
        device=device,
        most_links=most_links,
        membership_file=own.membership_file,
        expiring=lambda: {ECH_CONFIG: own.keys.expires},
    )


@asynccontextmanager
async def until_told(own: OwnMember, agent: Agent, *, supervised: bool) -> AsyncIterator[trio.Nursery]:
    """A nursery for all that the process does. After the block it goes on until SIGTERM or SIGINT, or, when supervised,
    the end of stdin; then the agent says goodbye.
    """
    allow_files()
    ending = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end_on_signal, ending)
        nursery.start_soon(keep_known, own.roster)
        if supervised:
            nursery.start_soon(end_with_stdin, ending)
        yield nursery
        with ending:
            await trio.sleep_forever()
        await agent.leave()
        nursery.cancel_scope.cancel()
