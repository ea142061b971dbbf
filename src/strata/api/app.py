"""The application: routes, and what holds for all of them."""

from dataclasses import replace
from typing import Any

from fastapi import Depends, FastAPI
from fastapi.openapi.utils import get_openapi

from strata.api.context import Context
from strata.api.described import only_known
from strata.api.envelope import Envelope
from strata.api.gate import BodyLimit, Gate
from strata.api.gauges import Standing
from strata.api.limits import Limits, Rates, Streams
from strata.api.metrics import Counting, MeteredFleet, Metrics
from strata.api.problems import Problem, answer_errors, responses
from strata.api.routes import archaeological, chat, execute, healthz, inference, jobs, memory, metrics, security, triage
from strata.api.tracing import Tracing

ROUTERS = (
    archaeological.router,
    chat.router,
    execute.router,
    healthz.router,
    inference.router,
    jobs.router,
    memory.router,
    metrics.router,
    security.router,
    triage.router,
)
COMMON = responses(400, 401, 403, 413, 422, 429, 500)


def create_app(context: Context, limits: Limits | None = None) -> FastAPI:
    """The HTTP API over `context`; each file of `strata.api.routes` is one router. Raises StrataError: bad limits."""
    limits = limits or Limits()
    app = _routed()
    counted = app.state.metrics = Metrics()
    counted.registry.register(Standing(context))
    app.state.context = replace(context, fleet=MeteredFleet(context.fleet, counted))
    app.state.streams = Streams(limits.streams)
    # From the innermost: each one added is around those before it.
    app.add_middleware(BodyLimit, most=limits.body_bytes)
    app.add_middleware(Gate, ledger=context.ledger, rates=Rates(limits))
    app.add_middleware(Envelope)
    app.add_middleware(Tracing)
    app.add_middleware(Counting, metrics=counted)
    return app


def schema() -> dict[str, Any]:
    """What the API takes and answers, as OpenAPI 3.1."""
    return _routed().openapi()


class _Api(FastAPI):
    def openapi(self) -> dict[str, Any]:
        """The schema, with the form that all errors have."""
        if self.openapi_schema is None:
            found = get_openapi(
                title=self.title, version=self.version, description=self.description, routes=self.routes
            )
            found["components"]["schemas"]["Problem"] = Problem.model_json_schema()
            self.openapi_schema = found
        return self.openapi_schema


def _routed() -> FastAPI:
    app = _Api(
        title="Strata",
        version="1",
        description="Run, evolve, connect and refactor a fleet of models.",
        docs_url=None,  # its pages load scripts from elsewhere
        redoc_url=None,
        dependencies=[Depends(only_known)],
    )
    answer_errors(app)
    for router in ROUTERS:
        app.include_router(router, responses=COMMON)
    return app
