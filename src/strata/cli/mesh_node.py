"""`strata mesh node`: be a member of the mesh."""

import sys
from typing import Annotated

import typer

from strata.cli.mesh_reading import Home, Mesh, paths
from strata.cli.options import parse_listen
from strata.errors import StrataError


def node(
    *,
    home: Home = None,
    mesh: Mesh = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT to listen on; port 0 takes any free one.")] = "127.0.0.1:0",
    device: Annotated[str, typer.Option(help="server, or mobile, which carries nothing for others.")] = "server",
    most_links: Annotated[int, typer.Option(min=1, max=1024, help="Neighbours that it bears at most.")] = 64,
    supervised: Annotated[bool, typer.Option("--supervised", help="End when standard input ends.")] = False,
) -> None:
    """Be a member of the mesh: keep links and answer probes. Prints one line of JSON when ready.

    With STRATA_REQUIRE_ECH=true it dials members only with hellos that hide whom they are for, and so none whose ECH
    config it has not learned yet: start it once without, and it keeps what it learns in its home.
    """
    import logging

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    from strata.mesh import Device, run_agent

    host, port = parse_listen(listen)
    if device not in set(Device):
        raise StrataError(f"--device is one of {', '.join(Device)}, not {device!r}")
    home, mesh = paths(home, mesh)
    run_agent(home, mesh, host=host, port=port, device=Device(device), most_links=most_links, supervised=supervised)
