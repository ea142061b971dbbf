"""What keeps a host of libp2p 0.8.1 served while others try to stop it.

Left alone, it takes messages of any length in a negotiation, before it knows whose they are, and any number of them; a
stream whose negotiation or handler fails ends the host; and connections that say nothing take the places of members.
"""

import logging
from collections.abc import Awaitable, Callable
from contextvars import ContextVar

from libp2p.abc import IMultiselectCommunicator, IMuxedConn, INetStream, IRawConnection
from libp2p.custom_types import TProtocol
from libp2p.exceptions import BaseLibp2pError
from libp2p.host.basic_host import BasicHost
from libp2p.network.swarm import Swarm
from libp2p.protocol_muxer.exceptions import MultiselectCommunicatorError, MultiselectError
from libp2p.protocol_muxer.multiselect import DEFAULT_NEGOTIATE_TIMEOUT, Multiselect
from libp2p.protocol_muxer.multiselect_communicator import MultiselectCommunicator
from libp2p.utils.varint import read_varint_prefixed_bytes_limited
from multiaddr import Multiaddr

from strata.mesh.crowd import Comer, Pending

log = logging.getLogger(__name__)

MAX_MESSAGE = 1024  # bytes of a negotiation's message; a protocol's id is shorter
MAX_MESSAGES = 16  # of the peer in a negotiation: hosts propose two or three protocols

StreamHandler = Callable[[INetStream], Awaitable[None]]

_comer: ContextVar[Comer | None] = ContextVar("comer", default=None)


def has_shown_itself() -> None:
    """The connection that is being secured knows this peer's channel key: it gives way to others last."""
    if (comer := _comer.get()) is not None:
        comer.known = True


class BoundedCommunicator(MultiselectCommunicator):
    """Takes so many messages, of bounded length, of a peer that negotiates."""

    _left = MAX_MESSAGES

    async def read(self) -> str:
        """The next message; raises MultiselectCommunicatorError for whatever is none."""
        self._left -= 1
        if self._left < 0:
            raise MultiselectCommunicatorError(f"the peer goes on after {MAX_MESSAGES} messages")
        try:
            data = await read_varint_prefixed_bytes_limited(self.read_writer, MAX_MESSAGE)
            text = str(data, "utf-8")
        except (BaseLibp2pError, UnicodeDecodeError, EOFError) as error:
            raise MultiselectCommunicatorError(f"not a message of a negotiation: {error}") from error
        if not text.endswith("\n"):
            raise MultiselectCommunicatorError("a message of a negotiation does not end its line")
        return text[:-1]


class BoundedMultiselect(Multiselect):
    """The answering side of negotiations, within those bounds."""

    async def negotiate(
        self, communicator: IMultiselectCommunicator, negotiate_timeout: int = DEFAULT_NEGOTIATE_TIMEOUT
    ) -> tuple[TProtocol | None, StreamHandler | None]:
        """As libp2p's; raises MultiselectError."""
        assert isinstance(communicator, MultiselectCommunicator)
        bounded = BoundedCommunicator(communicator.read_writer)
        found: tuple[TProtocol | None, StreamHandler | None] = await super().negotiate(bounded, negotiate_timeout)
        return found


class Gate:
    """Connections that have not yet said whose they are: `most` at a time, see `Pending`."""

    def __init__(self, swarm: Swarm, most: int) -> None:
        self._swarm = swarm
        self._pending = Pending(most)
        self._upgrade = swarm.upgrade_inbound_raw_conn

    async def upgrade_inbound_raw_conn(self, raw_conn: IRawConnection, maddr: Multiaddr) -> IMuxedConn:
        """As the swarm's own; where there is no room another connection is closed."""

        def drop() -> None:
            # Closed, not cancelled: when it is cancelled, the swarm goes on counting what it has counted.
            log.warning("dropped a connection that did not finish its handshake")
            self._swarm.manager.run_task(raw_conn.close)

        where = raw_conn.get_remote_address()
        comer = Comer("::" if where is None else where[0], drop)
        _comer.set(comer)  # of this connection's own task
        with self._pending.holding(comer):
            return await self._upgrade(raw_conn, maddr)


def guard(host: BasicHost, *, max_handshakes: int, max_connections: int) -> None:
    """Bound what peers can do to a host that does not run yet."""
    swarm = host.get_network()
    assert isinstance(swarm, Swarm)
    for selector in (swarm.upgrader.security_multistream._selector, swarm.upgrader.muxer_multistream._selector):
        selector.multiselect = BoundedMultiselect(selector.multiselect.handlers)
    host.multiselect = BoundedMultiselect(host.multiselect.handlers)
    swarm.set_stream_handler(_contained(host._swarm_stream_handler))
    swarm.upgrade_inbound_raw_conn = Gate(swarm, max_handshakes).upgrade_inbound_raw_conn
    # Asked when a connection is registered. Given at the start, it bounds how many may ever come, too.
    swarm.connection_config.max_connections = max_connections


def _contained(handler: StreamHandler) -> StreamHandler:
    """What goes wrong with a stream is the end of that stream."""

    async def handle(stream: INetStream) -> None:
        try:
            await handler(stream)
        except MultiselectError as error:
            log.info("a stream of %s was not negotiated: %s", stream.muxed_conn.peer_id, error)
            await stream.reset()
        except Exception as error:
            log.warning("a stream of %s failed: %r", stream.muxed_conn.peer_id, error)
            await stream.reset()

    return handle
