"""`strata mesh node`: be a member of the mesh."""

import sys
from typing import Annotated

import typer

from strata.cli.mesh_reading import Home, Mesh, paths
from strata.cli.options import Device, Fronting, MostLinks, Supervised, parse_device, parse_listen, parse_multiaddr
from strata.errors import StrataError


def node(
    *,
    home: Home = None,
    mesh: Mesh = None,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT to listen on; port 0 takes any free one. For libp2p also /ip4/…/tcp/…/ws.")
    ] = "127.0.0.1:0",
    transport: Annotated[str, typer.Option(help="What carries its links: direct, or libp2p.")] = "direct",
    front: Fronting = False,
    relay: Annotated[bool, typer.Option("--relay", help="Relay to members that cannot be dialled (libp2p).")] = False,
    device: Device = "server",
    most_links: MostLinks = 64,
    supervised: Supervised = False,
) -> None:
    """Be a member of the mesh that holds no layers (`strata node` does both). Prints one line of JSON when ready.

    With STRATA_REQUIRE_ECH=true it dials members only with hellos that hide whom they are for, and so none whose ECH
    config it has not learned yet: start it once without, and it keeps what it learns in its home.
    """
    import logging

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    from strata.mesh import run_agent

    if transport not in ("direct", "libp2p"):
        raise StrataError(f"--transport is direct or libp2p, not {transport!r}")
    if relay and transport == "direct":
        raise StrataError("--relay needs --transport libp2p: a direct link has no relays, only fronts (--front)")
    place = parse_multiaddr(listen) if transport == "libp2p" else parse_listen(listen)
    kind = parse_device(device)
    home, mesh = paths(home, mesh)
    run_agent(
        home,
        mesh,
        place,
        fronting=front,
        relaying=relay,
        device=kind,
        most_links=most_links,
        supervised=supervised,
    )
