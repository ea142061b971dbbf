"""The process that `strata mesh node` is: start, say so, serve, end cleanly."""

import json
from functools import partial
from importlib.metadata import version
from pathlib import Path

import trio

from strata.mesh.agent.agent import MOST_LINKS, Agent
from strata.mesh.agent.book import NeighbourBook
from strata.mesh.agent.transport import Direct
from strata.mesh.network import Device
from strata.mesh.process import end_on_signal, end_with_stdin, newest_membership
from strata.mesh.roster import Roster
from strata.secure import (
    Identity,
    Membership,
    MembershipError,
    ReplayCache,
    ReplayFile,
    open_ech_keys,
    read_membership,
)


def run_agent(
    home: Path,
    mesh: Path,
    *,
    host: str,
    port: int,
    device: Device = Device.SERVER,
    most_links: int = MOST_LINKS,
    supervised: bool = False,
) -> None:
    """Serve as a member of the mesh in file `mesh` until SIGTERM or SIGINT, or, when supervised, until stdin ends.

    The member's key is `home/identity.json`, `home/mesh` the newest membership it has seen, and `home/neighbours` whom
    it keeps links to; `home/ech.json` has the keys that open hellos, `home/replays` which were seen. Prints one line of
    JSON when it is ready: peer_id, name, address.
    """
    main = partial(_main, host=host, port=port, device=device, most_links=most_links, supervised=supervised)
    trio.run(partial(main, home, mesh))


async def _main(
    home: Path, mesh: Path, *, host: str, port: int, device: Device, most_links: int, supervised: bool
) -> None:
    identity = Identity.load(home / "identity.json")
    roster = Roster(newest_membership(mesh, home / "mesh"))
    sealed = _sealed(roster.membership, mesh, home / "mesh")
    own = roster.membership.member(identity.peer_id)
    keys, replays = open_ech_keys(home / "ech.json"), ReplayCache(file=ReplayFile(home / "replays"))
    agent = Agent(
        identity.peer_id,
        roster,
        sealed,
        Direct(identity, roster, host, port, keys=keys, replays=replays),
        NeighbourBook(roster.membership.mesh_id, home / "neighbours"),
        version=version("strata"),
        device=device,
        most_links=most_links,
        membership_file=home / "mesh",
    )
    ending = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(end_on_signal, ending)
        if supervised:
            nursery.start_soon(end_with_stdin, ending)
        address: str = await nursery.start(lambda *, task_status: agent.run(task_status=task_status))
        print(json.dumps({"peer_id": identity.peer_id, "name": own.name, "address": address}), flush=True)
        with ending:
            await trio.sleep_forever()
        await agent.leave()
        nursery.cancel_scope.cancel()


def _sealed(membership: Membership, *files: Path) -> bytes:
    """The bytes of that membership, which one of the files holds."""
    for path in files:
        if path.exists() and read_membership(path) == membership:
            return path.read_bytes()
    raise MembershipError(f"{files[0]} was replaced while it was read; start again")
