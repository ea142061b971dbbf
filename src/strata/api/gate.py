"""Before a request reaches its route: who asks, how often, and how much. Nothing of a body is read before that."""

from collections.abc import Iterable

import anyio.to_thread
from fastapi import HTTPException
from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strata.api.limits import Allowance, Rates
from strata.api.problems import problem
from strata.store import Ledger, Token, TokenLog

OPEN = frozenset({"/healthz", "/openapi.json"})
"""What needs no token."""


class Gate:
    """Refuses requests without a valid token (401), and those of callers who ask too often (429).

    The token is left in the request's state. Every answer says what is left of the caller's rate.
    """

    def __init__(self, app: ASGIApp, ledger: Ledger, rates: Rates) -> None:
        self._app = app
        self._tokens = TokenLog(ledger)
        self._rates = rates

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        secret = _bearer(Headers(scope=scope))
        token = None if secret is None else await anyio.to_thread.run_sync(self._tokens.find_valid, secret)
        allowance = self._rates.address(_address(scope)) if token is None else self._rates.token(token.id)
        telling = _adding(send, allowance.headers.items())
        if not allowance.allowed:
            await _too_many(allowance, token)(scope, receive, telling)
        elif token is None and scope["path"] not in OPEN:
            error = "" if secret is None else ' error="invalid_token"'
            wanted = {"WWW-Authenticate": f"Bearer{error}"}
            await problem(401, "give a valid bearer token", wanted)(scope, receive, telling)
        else:
            scope.setdefault("state", {})["token"] = token
            await self._app(scope, receive, telling)


class BodyLimit:
    """Refuses bodies of more than so many bytes (413): by what they say of themselves, and by what comes."""

    def __init__(self, app: ASGIApp, most: int) -> None:
        self._app = app
        self._most = most

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        said = Headers(scope=scope).get("content-length", "0")
        if not said.isdecimal() or int(said) > self._most:
            await problem(413, self._detail)(scope, receive, send)
            return
        came = 0

        async def counting() -> Message:
            nonlocal came
            message = await receive()
            came += len(message.get("body", b""))
            if came > self._most:
                raise HTTPException(413, self._detail)
            return message

        await self._app(scope, counting, send)

    @property
    def _detail(self) -> str:
        return f"the body of a request has at most {self._most:,} bytes"


def _too_many(allowance: Allowance, token: Token | None) -> ASGIApp:
    who = "this address, which gave no valid token," if token is None else "this token"
    return problem(429, f"{who} asks too often: again in {allowance.seconds} s", allowance.headers)


def _adding(send: Send, fields: Iterable[tuple[str, str]]) -> Send:
    async def adding(message: Message) -> None:
        if message["type"] == "http.response.start":
            headers = MutableHeaders(scope=message)
            for name, value in fields:
                headers[name] = value
        await send(message)

    return adding


def _bearer(headers: Headers) -> str | None:
    scheme, _, secret = headers.get("authorization", "").partition(" ")
    return secret.strip() if scheme.lower() == "bearer" else None


def _address(scope: Scope) -> str:
    client = scope.get("client")
    return str(client[0]) if client else ""
