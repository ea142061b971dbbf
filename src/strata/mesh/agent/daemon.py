"""The process that `strata mesh node` is: start, say so, serve, end cleanly."""

import json
from collections.abc import Callable
from functools import partial
from importlib.metadata import version
from pathlib import Path

import trio

from strata.mesh.agent.agent import MOST_LINKS, Agent
from strata.mesh.agent.book import NeighbourBook
from strata.mesh.agent.place import transport_at
from strata.mesh.network import Device
from strata.mesh.port import Transport
from strata.mesh.process import end_on_signal, end_with_stdin, newest_membership
from strata.mesh.roster import Roster
from strata.secure import Identity, ReplayCache, ReplayFile, open_ech_keys


def run_agent(
    home: Path,
    mesh: Path,
    *,
    host: str,
    port: int,
    multiaddr: str | None = None,
    fronting: bool = False,
    relaying: bool = False,
    device: Device = Device.SERVER,
    most_links: int = MOST_LINKS,
    supervised: bool = False,
) -> None:
    """Serve as a member of the mesh in file `mesh` until SIGTERM or SIGINT, or, when supervised, until stdin ends.

    The member's key is `home/identity.json`, `home/mesh` the newest membership it has seen, and `home/neighbours` whom
    it keeps links to; `home/ech.json` has the keys that open hellos, `home/replays` which were seen. Prints one line of
    JSON when it is ready: peer_id, name, address.

    It listens for direct links at `host` and `port`, or where `multiaddr` is given, at that with a libp2p host: then
    it also reaches others by theirs. fronting: pass on what is for members that name this one as their front; relaying,
    for libp2p alone: also for members that cannot be dialled and keep a place here. Raises CannotListen.
    """

    open_transport = partial(
        transport_at, (host, port) if multiaddr is None else multiaddr, fronting=fronting, relaying=relaying
    )
    main = partial(_main, open_transport=open_transport, device=device, most_links=most_links, supervised=supervised)
    trio.run(partial(main, home, mesh))


async def _main(
    home: Path,
    mesh: Path,
    *,
    open_transport: Callable[..., Transport],
    device: Device,
    most_links: int,
    supervised: bool,
) -> None:
    identity = Identity.load(home / "identity.json")
    roster = Roster(newest_membership(mesh, home / "mesh"))
    own = roster.membership.member(identity.peer_id)
    keys, replays = open_ech_keys(home / "ech.json"), ReplayCache(file=ReplayFile(home / "replays"))
    agent = Agent(
        roster,
        open_transport(identity, roster, keys=keys, replays=replays),
        NeighbourBook(roster.membership.mesh_id, home / "neighbours"),
        version=version("strata"),
        device=device,
        most_links=most_links,
        membership_file=home / "mesh",
    )
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end_on_signal, nursery.cancel_scope)
        if supervised:
            nursery.start_soon(end_with_stdin, nursery.cancel_scope)
        address: str = await nursery.start(lambda *, task_status: agent.run(task_status=task_status))
        print(json.dumps({"peer_id": identity.peer_id, "name": own.name, "address": address}), flush=True)
