"""The process that `strata mesh node` is: start, say so, serve, end cleanly."""

from pathlib import Path

import trio

from strata.mesh.agent.agent import MOST_LINKS
from strata.mesh.agent.member import OwnMember, open_agent, until_told
from strata.mesh.agent.place import Place
from strata.mesh.network import Device


def run_agent(
    home: Path,
    mesh: Path,
    place: Place,
    *,
    fronting: bool = False,
    relaying: bool = False,
    device: Device = Device.SERVER,
    most_links: int = MOST_LINKS,
    supervised: bool = False,
) -> None:
    """Serve as a member of the mesh in file `mesh` until SIGTERM or SIGINT, or, when supervised, until stdin ends.

    For what lies in `home` see `OwnMember`, for the others `open_agent`. Prints one line of JSON when it is ready:
    peer_id, name, address. Raises CannotListen.
    """

    async def main() -> None:
        own = OwnMember.open(home, mesh)
        agent = open_agent(own, place, device=device, most_links=most_links, fronting=fronting, relaying=relaying)
        async with until_told(own, agent, supervised=supervised) as nursery:
            own.announce(await nursery.start(agent.run))

    trio.run(main)
