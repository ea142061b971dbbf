"""The application: routes, and what holds for all of them."""

from fastapi import FastAPI

from strata.api.context import Context
from strata.api.problems import answer_errors
from strata.api.routes import triage

PREFIXES = ("/v1", "/v2")


def create_app(context: Context) -> FastAPI:
    """The HTTP API over `context`; each file of `strata.api.routes` is one router."""
    app = FastAPI(title="Strata", version="1", description="Run, evolve, connect and refactor a fleet of models.")
    app.state.context = context
    answer_errors(app)
    app.include_router(triage.router)
    return app
