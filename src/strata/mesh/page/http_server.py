"""A small HTTP/1.1 server on trio: h11 knows the protocol, this moves its bytes and keeps its bounds.

It takes requests with a short body and gives answers that are whole in memory. Who is too slow, too large or wrong is
cut off; who comes when all places are taken is refused. Needs h11, which comes with libp2p.
"""

import logging
from http import HTTPStatus

import h11
import trio

from strata.mesh.page.http import Reply, Request, Respond

log = logging.getLogger(__name__)

MAX_HEAD_BYTES = 16 << 10
MAX_BODY_BYTES = 4 << 10
MAX_CONNECTIONS = 64
REQUEST_SECONDS = 10.0  # for a request to come, and for an answer to go
_CHUNK_BYTES = 16 << 10


async def serve_http(
    respond: Respond,
    listeners: list[trio.SocketListener],
    *,
    seconds: float = REQUEST_SECONDS,
    most: int = MAX_CONNECTIONS,
    task_status: trio.TaskStatus[object] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Answer requests until cancelled; at most `most` connections at a time."""
    places = trio.CapacityLimiter(most)

    async def handle(stream: trio.SocketStream) -> None:
        async with stream:
            try:
                places.acquire_nowait()
            except trio.WouldBlock:
                return  # a page is loaded again; a queue would only keep who is waiting
            try:
                await _Conversation(stream, respond, seconds).run()
            except (trio.BrokenResourceError, trio.ClosedResourceError, trio.TooSlowError):
                log.debug("a connection of the page ended early", exc_info=True)
            except Exception:
                log.exception("a connection of the page failed")  # it costs nobody else theirs
            finally:
                places.release()

    await trio.serve_listeners(handle, listeners, task_status=task_status)


class _Conversation:
    """One connection: requests, one after the other."""

    def __init__(self, stream: trio.SocketStream, respond: Respond, seconds: float) -> None:
        self._stream = stream
        self._respond = respond
        self._seconds = seconds
        self._http = h11.Connection(h11.SERVER, max_incomplete_event_size=MAX_HEAD_BYTES)

    async def run(self) -> None:
        while True:
            try:
                with trio.fail_after(self._seconds):
                    request = await self._request()
            except h11.RemoteProtocolError as error:
                if self._http.our_state in {h11.IDLE, h11.SEND_RESPONSE}:
                    await self._answer(Reply(HTTPStatus(error.error_status_hint)))
                return
            if request is None:
                return
            await self._answer(self._respond(request), without_body=request.method == "HEAD")
            if self._http.our_state is h11.MUST_CLOSE:
                return
            self._http.start_next_cycle()

    async def _request(self) -> Request | None:
        """The next one; None where no more comes. Raises RemoteProtocolError."""
        head = await self._event()
        if not isinstance(head, h11.Request):
            return None
        headers = dict(head.headers)
        body = bytearray()
        while not isinstance(event := await self._event(), h11.EndOfMessage):
            if not isinstance(event, h11.Data):
                return None
            body += event.data
            if len(body) > MAX_BODY_BYTES:
                raise h11.RemoteProtocolError("the body is too long", HTTPStatus.REQUEST_ENTITY_TOO_LARGE)
        method, target, host = (
            each.decode("latin-1") for each in (head.method, head.target, headers.get(b"host", b""))
        )
        return Request(method, target, host, bytes(body))

    async def _event(self) -> object:
        while (event := self._http.next_event()) is h11.NEED_DATA:
            if self._http.they_are_waiting_for_100_continue:
                raise h11.RemoteProtocolError("no body is worth asking for", HTTPStatus.EXPECTATION_FAILED)
            self._http.receive_data(await self._stream.receive_some(_CHUNK_BYTES))
        return event

    async def _answer(self, reply: Reply, *, without_body: bool = False) -> None:
        headers = [*reply.headers.items(), ("Content-Length", str(len(reply.body)))]
        data = (
            self._http.send(h11.Response(status_code=reply.status, headers=headers, reason=reply.status.phrase)) or b""
        )
        if not without_body:
            data += self._http.send(h11.Data(data=reply.body)) or b""
        data += self._http.send(h11.EndOfMessage()) or b""
        with trio.fail_after(self._seconds):
            await self._stream.send_all(data)
