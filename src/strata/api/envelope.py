"""What every answer has, whoever gives it: its request's id, headers that keep browsers careful, a form for faults."""

import logging
import re
import time
import uuid

from starlette.datastructures import Headers, MutableHeaders
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strata.api.problems import problem

log = logging.getLogger(__name__)

REQUEST_ID = "X-Request-Id"
# The API answers no pages, so nothing in an answer may be run, framed, guessed at or kept.
SECURITY = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}
_ID = re.compile(r"[A-Za-z0-9._-]{1,64}")


class Envelope:
    """The outermost layer. A fault becomes a problem of status 500, which tells nothing but the request's id."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        given = Headers(scope=scope).get(REQUEST_ID, "")
        request_id = given if _ID.fullmatch(given) else uuid.uuid4().hex
        scope.setdefault("state", {})["request_id"] = request_id
        status, began = 0, time.perf_counter()

        async def sealing(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = MutableHeaders(scope=message)
                for name, value in SECURITY.items():
                    headers.setdefault(name, value)
                headers[REQUEST_ID] = request_id
            await send(message)

        try:
            await self._app(scope, receive, sealing)
        except Exception:
            log.exception("request %s failed", request_id)
            if status:
                raise  # half an answer is out: only cutting it off says that it is none
            fault = problem(500, f"this is a fault of the server; its log says more of request {request_id}")
            await fault(scope, receive, sealing)
        finally:
            # The path as it came, percent-encoded: it cannot forge a line. Its query is not logged.
            path = scope.get("raw_path", b"").decode("ascii", "backslashreplace")
            took = 1000 * (time.perf_counter() - began)
            log.info("%s %s %d %.1f ms %s", scope["method"], path, status, took, request_id)
