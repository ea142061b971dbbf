"""`strata mesh page`: a page with which a phone's browser joins the mesh, sees it, and asks it a question."""

import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strata.cli.mesh_reading import Home, Mesh, identity_of, paths
from strata.cli.options import Dtype, parse_listen

if TYPE_CHECKING:
    from strata.mesh import Ask
    from strata.settings import Settings


def page(
    *,
    home: Home = None,
    mesh: Mesh = None,
    listen: Annotated[str, typer.Option(help="HOST:PORT of the page; port 0 takes any free one.")] = "127.0.0.1:8080",
    websocket: Annotated[
        str, typer.Option(help="HOST:PORT where browsers speak libp2p over WebSocket.")
    ] = "127.0.0.1:8081",
    public: Annotated[
        str | None,
        typer.Option(
            help="Multiaddr under which browsers reach it where a proxy stands before it, such as "
            "/dns4/mesh.example.org/tcp/443/wss."
        ),
    ] = None,
    model: Annotated[
        str | None, typer.Option(help='What answers questions: folder, .gguf file or name of a model ("smollm2").')
    ] = None,
    dtype: Dtype = None,
    supervised: Annotated[bool, typer.Option("--supervised", help="End when standard input ends.")] = False,
) -> None:
    """Serve a page with which a browser joins the mesh, as a coordinator. Prints one line of JSON when ready.

    Who loads the page over plain HTTP trusts the network between: beyond this machine, put it behind HTTPS.
    """
    import logging

    import trio

    logging.basicConfig(level=logging.INFO, stream=sys.stderr, format="%(asctime)s %(levelname)s %(message)s")
    from strata.mesh import MeshEye, end_on_signal, end_with_stdin, open_roster, read_membership, serve_page
    from strata.settings import Settings

    home, mesh = paths(home, mesh)
    settings = Settings()
    identity, roster = identity_of(home), open_roster(read_membership(mesh), home)
    eye = MeshEye(identity, roster, settings)
    ask = None if model is None else _answers(model, dtype, mesh, home, settings)
    at, websocket_at = parse_listen(listen), parse_listen(websocket)

    async def serve() -> None:
        async with (
            serve_page(
                identity, roster, eye, listen=at, websocket=websocket_at, public=public, ask=ask, mesh=mesh
            ) as serving,
            trio.open_nursery() as nursery,
        ):
            nursery.start_soon(end_on_signal, nursery.cancel_scope)
            if supervised:
                nursery.start_soon(end_with_stdin, nursery.cancel_scope)
            typer.echo(json.dumps({"url": serving.url, "address": serving.address, "peer_id": identity.peer_id}))
            sys.stdout.flush()
            await trio.sleep_forever()

    trio.run(serve)


def _answers(model: str, dtype: str | None, mesh: Path, home: Path, settings: "Settings") -> "Ask":
    from strata.cli.mesh_asking import FleetAnswers
    from strata.inference import Coordinator, resolve_model  # noqa: F401 - it takes seconds; better now than for a browser

    return FleetAnswers(resolve_model(model, settings), mesh, home / "identity.json", type(settings), dtype)
