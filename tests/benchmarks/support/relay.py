"""TCP relays in front of nodes, to have them far away, or cut off: what is sent then goes nowhere, silently."""

import math
from contextlib import suppress

import trio

from strata.inference import LocalCluster
from strata.mesh import read_membership, write_membership
from strata.secure import Identity


class Relay:
    """Forwards every connection to `target` ("host:port") while it is not cut, `delay` seconds after it came."""

    def __init__(self, target: str, delay: float = 0.0) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
        self._delay = delay
        self._whole = trio.Event()
        self._whole.set()
        self._scopes: set[trio.CancelScope] = set()
        self.address = ""

    async def serve(self, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        """Listen on a free port of loopback until cancelled."""
        (listener,) = await trio.open_tcp_listeners(0, host="127.0.0.1")
        self.address = f"127.0.0.1:{listener.socket.getsockname()[1]}"
        task_status.started()
        await trio.serve_listeners(self._forward, [listener])

    def cut(self) -> None:
        """Forward nothing any more, and tell nobody."""
        self._whole = trio.Event()

    def mend(self) -> None:
        """End the connections that hang, and forward new ones."""
        for scope in self._scopes:
            scope.cancel()
        self._whole.set()

    async def _forward(self, incoming: trio.SocketStream) -> None:
        with trio.CancelScope() as scope:
            self._scopes.add(scope)
            try:
                await self._whole.wait()
                await self._connect(incoming, scope)
            except OSError:
                pass  # the node is down
            finally:
                self._scopes.discard(scope)

    async def _connect(self, incoming: trio.SocketStream, scope: trio.CancelScope) -> None:
        async with await trio.open_tcp_stream(*self._target) as outgoing, trio.open_nursery() as nursery:
            for stream in (incoming, outgoing):
                stream.setsockopt(trio.socket.IPPROTO_TCP, trio.socket.TCP_NODELAY, 1)
            nursery.start_soon(self._pump, incoming, outgoing, scope)
            nursery.start_soon(self._pump, outgoing, incoming, scope)

    async def _pump(self, source: trio.SocketStream, sink: trio.SocketStream, scope: trio.CancelScope) -> None:
        # Pieces are read while others wait, so a delay takes nothing from the bandwidth.
        send, pieces = trio.open_memory_channel[tuple[float, bytes]](math.inf)

        async def read() -> None:
            with send, suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                while piece := await source.receive_some(1 << 16):
                    send.send_nowait((trio.current_time() + self._delay, bytes(piece)))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            with suppress(trio.BrokenResourceError, trio.ClosedResourceError):
                async for due, piece in pieces:
                    await trio.sleep_until(due)
                    await self._whole.wait()
                    await sink.send_all(piece)
            scope.cancel()  # whoever ends one direction ends the connection


async def put_relays(cluster: LocalCluster, nursery: trio.Nursery, delay: float = 0.0) -> dict[str, Relay]:
    """A relay before every node, in the membership too; by node. delay: seconds one way."""
    owner, membership = Identity.load(cluster.identity_file), read_membership(cluster.mesh_file)
    relays: dict[str, Relay] = {}
    for node in cluster.nodes:
        relays[node.name] = Relay(node.address, delay)
        await nursery.start(relays[node.name].serve)
        card = membership.member(node.peer_id)
        membership = membership.with_member(card.card, node.name, (relays[node.name].address,))
    write_membership(cluster.mesh_file, membership.seal(owner))
    return relays
