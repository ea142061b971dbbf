"""What the API counts while it works, for Prometheus: requests, how long they took, tokens. No label is unbounded.

A route is named by its template, never by the path that was asked for; what no route was found for is one name.
"""

import time
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

from prometheus_client import CollectorRegistry, Counter, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from strata.api.ports import Fleet, Model, NodeState, Piece, Prompt
from strata.telemetry import current

NO_ROUTE = "none"
METHODS = frozenset({"DELETE", "GET", "HEAD", "OPTIONS", "PATCH", "POST", "PUT"})
OTHER = "other"
SECONDS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0, 30.0, 60.0, 120.0)
TOKEN_SECONDS = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class Metrics:
    """Counters and histograms of one application, in a registry of their own."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.requests = Counter(
            "strata_http_requests", "Requests answered", ("route", "method", "status"), registry=self.registry
        )
        self.request_seconds = Histogram(
            "strata_http_request_seconds",
            "From the request to the last byte of its answer",
            ("route", "method"),
            buckets=SECONDS,
            registry=self.registry,
        )
        self.tokens = Counter("strata_tokens_generated", "Tokens of answers", registry=self.registry)
        self.first_token = Histogram(
            "strata_first_token_seconds",
            "From the prompt to the first text of its answer",
            buckets=SECONDS,
            registry=self.registry,
        )
        self.token = Histogram(
            "strata_token_seconds",
            "Of each answer the mean time between two tokens",
            buckets=TOKEN_SECONDS,
            registry=self.registry,
        )


class Counting:
    """ASGI middleware that counts requests. The outermost, so that what is refused is counted too."""

    def __init__(self, app: ASGIApp, metrics: Metrics) -> None:
        self._app = app
        self._metrics = metrics

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """ASGI."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        status, began = 500, time.perf_counter()

        async def noting(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        try:
            await self._app(scope, receive, noting)
        finally:
            method, route = route_of(scope)
            self._metrics.requests.labels(route, method, str(status)).inc()
            self._metrics.request_seconds.labels(route, method).observe(time.perf_counter() - began)


def route_of(scope: Scope) -> tuple[str, str]:
    """The method of a request, and the template of the route that it went to: each one of a few."""
    method = scope["method"] if scope["method"] in METHODS else OTHER
    return method, getattr(scope.get("route"), "path", NO_ROUTE)


class _Counted:
    """Pieces as they come. No generator: waiting for a piece may be cancelled, and begun again."""

    def __init__(self, pieces: AsyncIterator[Piece], metrics: Metrics, began: float) -> None:
        self._pieces = pieces
        self._metrics = metrics
        self._began = began
        self._first: float | None = None

    def __aiter__(self) -> "_Counted":
        return self

    async def __anext__(self) -> Piece:
        piece = await anext(self._pieces)
        now = time.perf_counter()
        if self._first is None and (piece.text or piece.finish is not None):
            self._first = now
            self._metrics.first_token.observe(now - self._began)
        if piece.finish is not None and self._first is not None:
            self._metrics.tokens.inc(piece.tokens)
            if piece.tokens > 1:
                self._metrics.token.observe((now - self._first) / (piece.tokens - 1))
        return piece


class MeteredFleet:
    """A `Fleet` whose answers are counted, and are part of the request's trace; all else is the other's."""

    def __init__(self, fleet: Fleet, metrics: Metrics) -> None:
        self._fleet = fleet
        self._metrics = metrics

    def models(self) -> Sequence[Model]:
        """As the fleet says."""
        return self._fleet.models()

    @asynccontextmanager
    async def answer(self, prompt: Prompt) -> AsyncIterator[AsyncIterator[Piece]]:
        """As the fleet answers."""
        began = time.perf_counter()
        traced = replace(prompt, traceparent=current() or prompt.traceparent)
        async with self._fleet.answer(traced) as pieces:
            yield _Counted(pieces, self._metrics, began)

    async def nodes(self) -> Sequence[NodeState]:
        """As the fleet says."""
        return await self._fleet.nodes()

    async def plan(self) -> Mapping[str, Any]:
        """As the fleet plans."""
        return await self._fleet.plan()

    async def optimise(self, *, dry_run: bool) -> Mapping[str, Any]:
        """As the fleet decides."""
        return await self._fleet.optimise(dry_run=dry_run)

    async def clean_up(self, node: str) -> Mapping[str, int] | None:
        """As the fleet does."""
        return await self._fleet.clean_up(node)
