"""A TCP relay in front of a node, to cut it off from everybody: what is sent into it then goes nowhere, silently."""

import trio


class Relay:
    """Forwards every connection to `target` ("host:port") while it is not cut."""

    def __init__(self, target: str) -> None:
        host, _, port = target.rpartition(":")
        self._target = (host, int(port))
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
        try:
            while piece := await source.receive_some(1 << 16):
                await self._whole.wait()
                await sink.send_all(piece)
        except (trio.BrokenResourceError, trio.ClosedResourceError):
            pass
        scope.cancel()  # whoever ends one direction ends the connection
