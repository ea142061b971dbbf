"""A response that is written while a fleet answers, and whose reader may go away."""

import math
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import AbstractAsyncContextManager
from typing import Any, Protocol

import trio
from fastapi.responses import Response
from starlette.types import Receive, Scope, Send

from strata.api.ports import Piece
from strata.errors import StrataError

EVENTS = "text/event-stream"

KEEP_ALIVE_SECONDS = 15.0
KEEP_ALIVE = b": keep-alive\n\n"  # a comment (WHATWG HTML, section 9.2.6), so that nobody between takes it for dead
# Proxies are not to collect what should be read as it comes.
AS_IT_COMES = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}


def event_schema(*names: str) -> dict[str, Any]:
    """What OpenAPI says of one server-sent event of a stream that has events of these names."""
    fields = {"event": {"enum": list(names)}, "data": {"type": "string", "description": "A JSON document"}}
    return {"type": "object", "properties": fields, "required": ["event", "data"]}


class Form(Protocol):
    """What an answer looks like on the wire: bytes for what comes, none where there is nothing to say yet."""

    @property
    def media_type(self) -> str:
        """Of the whole; an event stream is kept alive with comments."""
        ...

    def begin(self) -> bytes:
        """The fleet has taken the prompt."""
        ...

    def piece(self, piece: Piece) -> bytes:
        """Something of the answer; after the last piece all has been said."""
        ...

    def failed(self, error: StrataError) -> bytes:
        """The answer breaks off; only called where something has been said."""
        ...


class Answering(Response):
    """Answers with 200 and what the form says; as `refused` says where it fails before anything was said.

    A reader who goes away ends the answer, and with it its session on the nodes. What he does not read waits in the
    fleet, which holds one answer at most.
    """

    def __init__(
        self,
        answer: AbstractAsyncContextManager[AsyncIterator[Piece]],
        form: Form,
        refused: Callable[[StrataError], Response],
        headers: Mapping[str, str] = AS_IT_COMES,
    ) -> None:
        self.status_code = 200
        self.media_type = form.media_type
        self.background = None
        self.init_headers(headers)
        self._answer = answer
        self._form = form
        self._refused = refused
        self._has_begun = False

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """As ASGI has it."""
        failure: Exception | None = None
        async with trio.open_nursery() as nursery:
            nursery.start_soon(_end_when_gone, receive, nursery.cancel_scope)
            try:
                await self._respond(scope, receive, send)
            except Exception as error:
                failure = error  # raised below, outside the nursery, which would put it into a group
            nursery.cancel_scope.cancel()
        if failure is not None:
            raise failure

    async def _respond(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            async with self._answer as pieces:
                await self._write(self._form.begin(), send)
                while (piece := await self._next(pieces, send)) is not None:
                    await self._write(self._form.piece(piece), send)
        except StrataError as error:
            if not self._has_begun:
                await self._refused(error)(scope, receive, send)
                return
            await self._write(self._form.failed(error), send)
        await send({"type": "http.response.body", "body": b"", "more_body": False})

    async def _next(self, pieces: AsyncIterator[Piece], send: Send) -> Piece | None:
        patience = KEEP_ALIVE_SECONDS if self._form.media_type == EVENTS else math.inf
        while True:
            with trio.move_on_after(patience):
                return await anext(pieces, None)
            await self._write(KEEP_ALIVE, send)

    async def _write(self, data: bytes, send: Send) -> None:
        if not data:
            return
        if not self._has_begun:
            self._has_begun = True
            await send({"type": "http.response.start", "status": self.status_code, "headers": self.raw_headers})
        await send({"type": "http.response.body", "body": data, "more_body": True})


async def _end_when_gone(receive: Receive, scope: trio.CancelScope) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    scope.cancel()
