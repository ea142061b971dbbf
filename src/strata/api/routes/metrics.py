"""Metrics in Prometheus' text format; a scraper gives its token as any caller does."""

from typing import Any

from fastapi import APIRouter, Request, Response
from prometheus_client import CONTENT_TYPE_PLAIN_0_0_4, generate_latest

from strata.api.guard import allowing
from strata.api.metrics import Metrics

router = APIRouter(tags=["metrics"])
_TEXT: dict[int | str, dict[str, Any]] = {
    200: {"description": "Samples", "content": {"text/plain": {"schema": {"type": "string"}}}}
}


@router.get("/metrics", response_class=Response, dependencies=[allowing("read")], responses=_TEXT)
def metrics(request: Request) -> Response:
    """Tell what was counted, and how things stand. Reads the ledger, at most every few seconds; waits for no node."""
    counted: Metrics = request.app.state.metrics
    return Response(generate_latest(counted.registry), media_type=CONTENT_TYPE_PLAIN_0_0_4)
