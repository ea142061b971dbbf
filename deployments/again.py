"""Requests that an application could not answer just now are given to it again, before the caller hears of it.

Prefect's server on SQLite answers 503 where another transaction came between the reading and the writing of its own,
which was rolled back. Its clients ask again then; a browser, in which a person has just submitted a run, does not.
"""

import asyncio
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

Message = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[Message]]
Send = Callable[[Message], Awaitable[None]]
Application = Callable[[MutableMapping[str, Any], Receive, Send], Awaitable[None]]

UNAVAILABLE = 503
ATTEMPTS = 7
FIRST_SECONDS = 0.05  # until the second attempt; twice as long until each further one
MOST_BYTES = 1 << 20  # of a request that is kept; what is longer is tried once


class Again:
    """An ASGI application (asgi.readthedocs.io) over another one."""

    def __init__(self, application: Application, *, attempts: int = ATTEMPTS, first: float = FIRST_SECONDS) -> None:
        self._application, self._attempts, self._first = application, attempts, first

    async def __call__(self, scope: MutableMapping[str, Any], receive: Receive, send: Send) -> None:
        """Answer a request, or whatever else the scope is."""
        if scope["type"] != "http":
            await self._application(scope, receive, send)
            return
        request = await _Request.read(receive)
        attempts = self._attempts if request.is_whole else 1
        for attempt in range(1, attempts + 1):
            answer = _Answer(send, may_refuse=attempt < attempts)
            try:
                await self._application(dict(scope), request.again(), answer.send)
            except Exception:  # it says what is the matter, and raises it as well
                if not answer.refused:
                    raise
            if not answer.refused:
                return
            await asyncio.sleep(self._first * 2 ** (attempt - 1))


class _Request:
    """What was read of a request, which can be read again, and then goes on."""

    def __init__(self, messages: list[Message], receive: Receive, is_whole: bool) -> None:
        self._messages, self._receive, self.is_whole = messages, receive, is_whole

    @classmethod
    async def read(cls, receive: Receive) -> "_Request":
        messages: list[Message] = []
        size = 0
        while size <= MOST_BYTES:
            messages.append(message := await receive())
            size += len(message.get("body", b""))
            if message["type"] != "http.request" or not message.get("more_body", False):
                return cls(messages, receive, is_whole=True)
        return cls(messages, receive, is_whole=False)

    def again(self) -> Receive:
        left = iter(self._messages)

        async def receive() -> Message:
            known = next(left, None)
            return await self._receive() if known is None else dict(known)

        return receive


class _Answer:
    """What the application sends goes on, unless it begins with 503 and may be refused."""

    def __init__(self, send: Send, may_refuse: bool) -> None:
        self._send, self._may_refuse = send, may_refuse
        self.refused = False

    async def send(self, message: Message) -> None:
        if message["type"] == "http.response.start" and self._may_refuse:
            self.refused = message["status"] == UNAVAILABLE
        if not self.refused:
            await self._send(message)
