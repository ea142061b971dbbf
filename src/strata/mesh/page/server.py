"""The page's server: HTTP for the page, and a libp2p host for the browsers that it is loaded in."""

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import trio

from strata.mesh.listen import CannotListen
from strata.mesh.page.asking import Ask, Desk
from strata.mesh.page.browsers import Browsers
from strata.mesh.page.eye import MeshEye
from strata.mesh.page.following import follow
from strata.mesh.page.site import Site, Where
from strata.mesh.page.streams import handle_streams
from strata.mesh.roster import Roster
from strata.mesh.transport import open_host
from strata.secure import Identity

if TYPE_CHECKING:
    from libp2p.abc import IHost

MAX_BROWSERS = 64


@dataclass(frozen=True)
class Serving:
    """url: of the page. address: multiaddr of the libp2p host, where browsers dial unless they are told another."""

    url: str
    address: str


@asynccontextmanager
async def serve_page(
    identity: Identity,
    roster: Roster,
    eye: MeshEye,
    *,
    listen: tuple[str, int] = ("127.0.0.1", 0),
    websocket: tuple[str, int] = ("127.0.0.1", 0),
    public: str | None = None,
    ask: Ask | None = None,
    mesh: Path | None = None,
) -> AsyncIterator[Serving]:
    """Serve while the block runs. Browsers that are members (see `Browsers`) are let in, and nobody else.

    listen, websocket: host and port of the page and of the libp2p host, 0 for any. public: multiaddr under which
    browsers reach the libp2p host, where that is not the machine of the page; `/wss` there lets the page be served over
    HTTPS by what stands before both. ask: who answers questions. mesh: the membership file to follow.

    Raises CannotListen.
    """
    browsers = Browsers(roster)
    async with open_host(
        identity, roster, (_multiaddr(*websocket),), stock=browsers, max_connections=MAX_BROWSERS
    ) as host:
        from strata.mesh.page.http_server import serve_http  # libp2p is there, and so is h11

        handle_streams(
            host, browsers, _told(eye, roster, host, answers=ask is not None), None if ask is None else Desk(ask)
        )
        address = str(host.get_addrs()[0])
        where = Where(identity.peer_id, int(host.get_addrs()[0].value_for_protocol("tcp")), public)
        listeners = await _listeners(*listen)
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            if mesh is not None:
                nursery.start_soon(follow, roster, mesh)
            await nursery.start(serve_http, Site(roster, where).respond, listeners)
            try:
                yield Serving(_url(listeners), address)
            except Exception as error:
                failure = error  # raised below, bare: the nursery would put it into a group
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure


def _told(eye: MeshEye, roster: Roster, host: "IHost", *, answers: bool) -> Callable[[str], Awaitable[dict[str, Any]]]:
    """What a browser is told: the mesh, by which name it is a member itself, and whether it may ask."""

    async def look(peer_id: str) -> dict[str, Any]:
        view = await eye.look()
        here = {peer.to_base58() for peer in host.get_network().get_connections_map()}
        return view.to_json(here) | {"you": roster.membership.member(peer_id).name, "answers": answers}

    return look


def _multiaddr(host: str, port: int) -> str:
    return f"/{'ip6' if ':' in host else 'ip4'}/{host}/tcp/{port}/ws"


async def _listeners(host: str, port: int) -> list[trio.SocketListener]:
    try:
        return await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from None


def _url(listeners: list[trio.SocketListener]) -> str:
    host, port = listeners[0].socket.getsockname()[:2]
    return f"http://[{host}]:{port}/" if ":" in host else f"http://{host}:{port}/"
