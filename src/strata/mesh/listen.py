"""Listening for members."""

import logging
from collections.abc import Awaitable, Callable
from dataclasses import dataclass

import trio

from strata.errors import StrataError
from strata.mesh.connect import HANDSHAKE_SECONDS
from strata.mesh.crowd import CONNECTIONS_OF_ONE, MAX_CONNECTIONS, Comer, Pending, Places, TooManyConnections
from strata.mesh.front import Front, read_hello
from strata.mesh.links import Link, LinkClosed
from strata.mesh.roster import Roster
from strata.secure import Channel, ChannelError, EchKeys, EchResponder, Identity, Listener, ReplayCache

log = logging.getLogger(__name__)

MAX_HANDSHAKES = 256


class CannotListen(StrataError):
    """The address to listen on is taken, or not this machine's."""


async def serve(
    identity: Identity,
    roster: Roster,
    handler: Callable[[Link], Awaitable[None]],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    keys: EchKeys | None = None,
    replays: ReplayCache | None = None,
    fronting: bool = False,
    handshake_seconds: float = HANDSHAKE_SECONDS,
    max_handshakes: int = MAX_HANDSHAKES,
    max_connections: int = MAX_CONNECTIONS,
    connections_of_one: int = CONNECTIONS_OF_ONE,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen until cancelled and run `handler` with each member's link, which is closed when the handler returns.

    Reports the bound port through `task_status`; raises CannotListen. A bad peer costs only its own connection. One
    that has not proved to be a member's within `handshake_seconds` is dropped; when `max_handshakes` are pending, a
    newcomer takes another's place, one that has shown nothing first (see `Pending`). Of members there are at most
    `max_connections` connections, and `connections_of_one` of any one; a further one is closed.

    keys, replays: what opens hellos and which were seen; without a file behind them a restart begins anew, and then
    configs that others hold are stale, and what was recorded before could be sent again. fronting: pass on what is for
    other members (see `front`).
    """
    replays = ReplayCache() if replays is None else replays
    listener = Listener(identity, lambda: roster.membership, replays, keys or EchKeys())
    places = Places(max_connections, connections_of_one)
    door = _Door(listener, roster, handler, Front(identity, roster) if fronting else None, places)
    pending = Pending(max_handshakes)

    async def attend(stream: trio.SocketStream) -> None:
        scope = trio.CancelScope(deadline=trio.current_time() + handshake_seconds)
        try:
            comer = Comer(stream.socket.getpeername()[0], scope.cancel)
        except OSError:
            return  # it has gone already
        with pending.holding(comer), scope:
            try:
                go_on = await door.greet(stream, comer)
            except StrataError as error:
                log.warning("refused a connection: %s", error)
                return
        if scope.cancelled_caught:
            log.warning("dropped a connection that did not finish its handshake")
            return
        await go_on()

    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    task_status.started(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(attend, listeners)


@dataclass(frozen=True)
class _Door:
    """What `serve` does with one connection."""

    listener: Listener
    roster: Roster
    handler: Callable[[Link], Awaitable[None]]
    front: Front | None
    places: Places

    async def greet(self, stream: trio.SocketStream, comer: Comer) -> Callable[[], Awaitable[None]]:
        """Shake hands, and say what is to be done with the connection then; raises ChannelError, Unreachable."""
        hello = await read_hello(stream)
        read = self.listener.read(*hello)
        comer.known = True
        front, opened = self.front, read.opened
        if front is not None and opened is not None and opened.peer_id != self.listener.identity.peer_id:
            far, answer = await front.reach(opened)
            return lambda: front.join(stream, far, answer)
        link = Link(
            stream.socket, Channel(EchResponder(self.listener, read)), self.roster, received=sum(map(len, hello))
        )
        await link.establish()
        return lambda: self._attend(link)

    async def _attend(self, link: Link) -> None:
        try:
            with self.places.taking(link.peer):
                await self.handler(link)
        except TooManyConnections as error:
            log.warning("hung up: %s", error)
        except (LinkClosed, ChannelError) as error:
            log.info("link to %s ended: %s", link.peer.name, error)
        except Exception:
            log.exception("the handler of the link to %s failed", link.peer.name)
        finally:
            await link.aclose()
