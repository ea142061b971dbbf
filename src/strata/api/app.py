"""The application: routes, and what holds for all of them."""

from dataclasses import replace

from fastapi import FastAPI

from strata.api.context import Context
from strata.api.gauges import Standing
from strata.api.metrics import Counting, MeteredFleet, Metrics
from strata.api.problems import answer_errors
from strata.api.routes import memory, metrics
from strata.api.tracing import Tracing

PREFIXES = ("/v1", "/v2")


def create_app(context: Context) -> FastAPI:
    """The HTTP API over `context`; each file of `strata.api.routes` is one router."""
    app = FastAPI(title="Strata", version="1", description="Run, evolve, connect and refactor a fleet of models.")
    counted = app.state.metrics = Metrics()
    counted.registry.register(Standing(context))
    app.state.context = replace(context, fleet=MeteredFleet(context.fleet, counted))
    answer_errors(app)
    for router in (memory.router, metrics.router):
        app.include_router(router)
    app.add_middleware(Tracing)
    app.add_middleware(Counting, metrics=counted)
    return app
