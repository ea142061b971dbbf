"""`strata mesh node`: be a member of the mesh."""

import sys
from typing import Annotated

import typer

from strata.cli.mesh_reading import Home, Mesh, paths
from strata.cli.options import parse_listen, parse_multiaddr
from strata.errors import StrataError


def node(
    *,
    home: Home = None,
    mesh: Mesh = None,
    listen: Annotated[
        str, typer.Option(help="HOST:PORT to listen on; port 0 takes any free one. For libp2p also /ip4/…/tcp/…/ws.")
    ] = "127.0.0.1:0",
    transport: Annotated[str, typer.Option(help="What carries its links: direct, or libp2p.")] = "direct",
    front: Annotated[bool, typer.Option("--front", help="Pass on what is for members with the address @NAME.")] = False,
    relay: Annotated[bool, typer.Option("--relay", help="Relay to members that cannot be dialled (libp2p).")] = False,
    device: Annotated[str, typer.Option(help="server, or mobile, which carries nothing for others.")] = "server",
    most_links: Annotated[int, typer.Option(min=1, max=1024, help="Neighbours that it bears at most.")] = 64,
    supervised: Annotated[bool, typer.Option("--supervised", help="End when standard input ends.")] = False,
) -> None:
    """Be a member of the mesh: keep links and answer probes. Prints one line of JSON when ready."""
    import logging

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    from strata.mesh import Device, run_agent

    host, port, multiaddr = "", 0, None
    if transport == "libp2p":
        multiaddr = parse_multiaddr(listen)
    elif transport == "direct" and relay:
        raise StrataError("--relay needs --transport libp2p: a direct link has no relays, only fronts (--front)")
    elif transport == "direct":
        host, port = parse_listen(listen)
    else:
        raise StrataError(f"--transport is direct or libp2p, not {transport!r}")
    if device not in set(Device):
        raise StrataError(f"--device is one of {', '.join(Device)}, not {device!r}")
    home, mesh = paths(home, mesh)
    run_agent(
        home,
        mesh,
        host=host,
        port=port,
        multiaddr=multiaddr,
        fronting=front,
        relaying=relay,
        device=Device(device),
        most_links=most_links,
        supervised=supervised,
    )
