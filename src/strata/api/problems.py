"""Errors as problem details (RFC 9457): one form for whatever goes wrong, `application/problem+json`."""

import json
from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import Response
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from strata.api.described import described
from strata.api.ports import FleetUnavailable, WorkRefused, WorkUnavailable
from strata.errors import StrataError

MEDIA_TYPE = "application/problem+json"
_STATUS: Mapping[type[StrataError], int] = {WorkUnavailable: 503, FleetUnavailable: 503, WorkRefused: 409}
_AGAIN = ("Retry-After", "Seconds until it is worth asking again")
_HEADERS = {401: ("WWW-Authenticate", "RFC 6750, section 3"), 429: _AGAIN, 503: _AGAIN}


class Problem(BaseModel):
    """RFC 9457, section 3. `errors` lists what is wrong with a request, field by field."""

    type: str = "about:blank"
    title: str = Field(description="The status, in words")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong, where, and what to do")
    errors: list[dict[str, Any]] | None = None


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, errors: list[dict[str, Any]] | None = None
) -> Response:
    """The response that says so."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    content = body.model_dump(exclude_none=True)
    # In ASCII: what is quoted of a request may be no text that UTF-8 could write, such as half a surrogate pair.
    return Response(json.dumps(content), status, headers and dict(headers), MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these errors."""
    return {status: _described(status) for status in statuses}


def _described(status: int) -> dict[str, Any]:
    content = {MEDIA_TYPE: {"schema": {"$ref": "#/components/schemas/Problem"}}}
    described: dict[str, Any] = {"description": HTTPStatus(status).phrase, "content": content, "model": None}
    if status in _HEADERS:
        name, why = _HEADERS[status]
        described["headers"] = {name: {"description": why, "required": True, "schema": {"type": "string"}}}
    return described


def answer_errors(app: FastAPI) -> None:
    """Have every error of the application leave it as a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StrataError, _strata)


async def _http(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    if error.status_code == HTTPStatus.METHOD_NOT_ALLOWED:
        allowed = ", ".join(described(request.app).methods(request.url.path)) or (error.headers or {}).get("Allow", "")
        return problem(405, f"here one may {allowed}", {"Allow": allowed})
    return problem(error.status_code, str(error.detail), error.headers)


async def _invalid(_request: Request, error: Exception) -> Response:
    assert isinstance(error, RequestValidationError)
    found = [{"where": list(each["loc"]), "what": each["msg"]} for each in error.errors()]
    return problem(422, "the request is not as it should be; see errors", errors=found)


async def _strata(_request: Request, error: Exception) -> Response:
    assert isinstance(error, StrataError)
    return for_error(error)


def for_error(error: StrataError) -> Response:
    """The response to what somebody asked for and cannot have."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)
    return problem(status, str(error), {"Retry-After": "5"} if status == 503 else None)
