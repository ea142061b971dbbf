"""`strata mesh up` and `strata mesh down`: nodes on the machines of a Ray cluster."""

import json
import signal
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, NoReturn

import typer

from strata.cli.mesh_reading import Home, Json, Mesh, identity_of, paths
from strata.cli.options import parse_size
from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.mesh import NodeNews


def up(
    *,
    ray: Annotated[
        str | None,
        typer.Option(help="The cluster: local, auto, HOST:PORT or ray://HOST:PORT. Default: STRATA_RAY_ADDRESS."),
    ] = None,
    nodes: Annotated[int, typer.Option(min=1, max=1000, help="How many nodes.")] = 2,
    memory: Annotated[str, typer.Option(help="Bytes of each for weights and KV cache, such as 500M or 2G.")] = "1G",
    cpus: Annotated[float, typer.Option(min=0.1, help="Processors of each.")] = 1.0,
    name: Annotated[str, typer.Option(help="What they are called: NAME-1, NAME-2, ...")] = "ray",
    wait: Annotated[float, typer.Option(min=0, help="Seconds to wait for room, such as for a machine to join.")] = 60.0,
    node_home: Annotated[
        str, typer.Option(help="Folder, on each machine, of the nodes' keys and stores.")
    ] = "~/.strata/ray",
    home: Home = None,
    mesh: Mesh = None,
    as_json: Json = False,
) -> None:
    """Have Ray place nodes on the machines of a cluster, and keep them running until Ctrl-C or `strata mesh down`.

    They are members of the mesh, which is founded where there is none; `strata generate MODEL --mesh FILE --identity
    KEY` runs over them. Prints a line for each, and for what befalls it; with --json each line is an object. Needs the
    extra `ray`, here and on every machine.
    """
    from strata.mesh import NodeIncidents, NodesWanted, Portion, RayNodes, being_up
    from strata.ray_cluster import check_address, connected
    from strata.settings import Settings
    from strata.store import IncidentLog

    settings = Settings()
    address = ray or settings.ray_address
    if address is None:
        raise StrataError("say which Ray cluster: --ray local, auto, HOST:PORT or ray://HOST:PORT")
    check_address(address)
    wanted = NodesWanted(nodes, Portion(cpus, parse_size(memory)), name, node_home, wait)
    home, mesh = paths(home, mesh)
    owner = identity_of(home, create=not mesh.exists())
    with being_up(home), IncidentLog(settings.ledger) as log, connected(address) as cluster:
        signal.signal(signal.SIGTERM, _stop)
        incidents = NodeIncidents(log)

        def say(told: "NodeNews") -> None:
            incidents.tell(told)
            typer.echo(json.dumps(asdict(told)) if as_json else _sentence(told))

        try:
            with RayNodes(cluster, wanted, mesh, owner, say) as placed:
                if not as_json:
                    typer.echo(
                        f"mesh {mesh}, identity {home / 'identity.json'}; Ctrl-C or `strata mesh down` ends them"
                    )
                try:
                    placed.tend()
                finally:
                    for number in (signal.SIGINT, signal.SIGTERM):
                        signal.signal(number, signal.SIG_IGN)  # what ends now is bounded
        except KeyboardInterrupt:
            raise typer.Exit(0) from None


def down(home: Home = None) -> None:
    """End the nodes that `strata mesh up` keeps running for this home, and wait until they are gone."""
    from strata.mesh import take_down

    home = paths(home, None)[0]
    typer.echo("the nodes are down" if take_down(home) else f"no nodes are up for {home}")


def _stop(number: int, frame: object) -> NoReturn:
    raise KeyboardInterrupt


def _sentence(told: "NodeNews") -> str:
    said = {
        "ready": f"ready at {told.address} on {told.machine}, after {told.seconds:.1f} s",
        "died": f"died: {told.detail}; it is started again in {told.seconds:.1f} s",
        "failed": f"did not start: {told.detail}; once more in {told.seconds:.1f} s",
        "lost": f"is lost: {told.detail}; it is placed anew in {told.seconds:.1f} s",
        "back": f"back at {told.address} on {told.machine}, {told.seconds:.1f} s after it died",
        "ended": "ended",
    }[told.kind]
    return f"{told.node:<12} {said}"
