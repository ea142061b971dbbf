"""A request as a span: a child of its caller's, where that names one (W3C Trace Context), and parent of the work."""

from starlette.datastructures import Headers
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strata.api.metrics import route_of
from strata.telemetry import span

QUIET = frozenset({"/healthz", "/metrics"})  # asked for every few seconds


class Tracing:
    """ASGI middleware."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http" or scope["path"] in QUIET:
            await self._app(scope, receive, send)
            return
        with span("request", Headers(scope=scope).get("traceparent"), serves=True) as traced:

            async def noting(message: Message) -> None:
                if message["type"] == "http.response.start":
                    traced.set({"http.response.status_code": message["status"]})
                await send(message)

            try:
                await self._app(scope, receive, noting)
            finally:
                method, route = route_of(scope)
                traced.rename(f"{method} {route}")
                traced.set({"http.request.method": method, "http.route": route})
