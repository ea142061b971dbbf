"""Making links: dial a member, or listen for members."""

import logging
from collections.abc import Awaitable, Callable

import trio

from strata.errors import StrataError
from strata.mesh.links import Link, LinkClosed
from strata.mesh.roster import Roster
from strata.secure import Channel, ChannelError, Identity, ReplayCache

log = logging.getLogger(__name__)

HANDSHAKE_SECONDS = 10.0
MAX_HANDSHAKES = 64


class CannotListen(StrataError):
    """The address to listen on is taken, or not this machine's."""


class Unreachable(StrataError):
    """No address of the peer took a connection in time."""


async def dial(
    identity: Identity, roster: Roster, peer_id: str, address: str | None = None, timeout: float = HANDSHAKE_SECONDS
) -> Link:
    """Connect to a member, at `address` ("host:port") or at the addresses the membership lists, within `timeout` s.

    Raises NotAMember before anything is sent when the membership does not list the peer, Unreachable when nobody
    answers, ChannelError when who answers is not the peer or does not take us for a member.
    """
    member = roster.membership.member(peer_id)
    addresses = (address,) if address is not None else member.addresses
    failure: StrataError = Unreachable(f"the membership lists no address of {member.name}")
    with trio.move_on_after(timeout) as deadline:
        for candidate in addresses:
            host, _, port = candidate.rpartition(":")
            try:
                stream = await trio.open_tcp_stream(host.strip("[]"), int(port))
            except (OSError, ValueError) as error:  # ValueError: not host:port
                reason = getattr(error, "strerror", None) or error
                failure = Unreachable(f"cannot connect to {member.name} at {candidate}: {reason}")
                continue
            link = Link(stream.socket, Channel.initiator(identity, roster.membership, peer_id), roster)
            try:
                await link.establish()
            except ChannelError as error:
                failure = error
                continue
            return link
    if deadline.cancelled_caught:
        raise Unreachable(f"{member.name} did not answer within {timeout:g} s")
    raise failure


async def serve(
    identity: Identity,
    roster: Roster,
    handler: Callable[[Link], Awaitable[None]],
    host: str = "127.0.0.1",
    port: int = 0,
    *,
    handshake_seconds: float = HANDSHAKE_SECONDS,
    max_handshakes: int = MAX_HANDSHAKES,
    task_status: trio.TaskStatus[int] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Listen until cancelled and run `handler` with each member's link, which is closed when the handler returns.

    Reports the bound port through `task_status`; raises CannotListen. A bad peer costs only its own connection. One
    that has not proved to be a member's within `handshake_seconds` is dropped; when `max_handshakes` are pending, a
    newcomer replaces the oldest of them, so that idle connections cannot lock members out.
    """
    replays = ReplayCache()
    pending: dict[int, trio.CancelScope] = {}

    async def attend(stream: trio.SocketStream) -> None:
        channel = Channel.responder(identity, lambda: roster.membership, replays)
        link = Link(stream.socket, channel, roster)
        with trio.move_on_after(handshake_seconds) as scope:
            pending[id(scope)] = scope
            try:
                await link.establish()
            except ChannelError as error:
                log.warning("refused a connection: %s", error)
                return
            finally:
                del pending[id(scope)]
        if scope.cancelled_caught:
            log.warning("dropped a connection that did not finish its handshake")
            return
        try:
            await handler(link)
        except (LinkClosed, ChannelError) as error:
            log.info("link to %s ended: %s", link.peer.name, error)
        except Exception:
            log.exception("the handler of the link to %s failed", link.peer.name)
        finally:
            await link.aclose()

    async def accept(stream: trio.SocketStream) -> None:
        if len(pending) >= max_handshakes:
            next(iter(pending.values())).cancel()
        await attend(stream)

    try:
        listeners = await trio.open_tcp_listeners(port, host=host)
    except OSError as error:
        raise CannotListen(f"cannot listen on {host}:{port}: {error.strerror or error}") from None
    task_status.started(listeners[0].socket.getsockname()[1])
    await trio.serve_listeners(accept, listeners)
