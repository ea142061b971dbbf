"""Errors as problem details (RFC 9457): one form for whatever goes wrong, `application/problem+json`."""

from collections.abc import Mapping
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel, Field
from starlette.exceptions import HTTPException

from strata.api.ports import FleetUnavailable, WorkRefused, WorkUnavailable
from strata.errors import StrataError

MEDIA_TYPE = "application/problem+json"
_STATUS: Mapping[type[StrataError], int] = {WorkUnavailable: 503, FleetUnavailable: 503, WorkRefused: 409}


class Problem(BaseModel):
    """RFC 9457, section 3. `errors` lists what is wrong with a request, field by field."""

    type: str = "about:blank"
    title: str = Field(description="The status, in words")
    status: int = Field(ge=400, le=599)
    detail: str = Field(description="What is wrong, where, and what to do")
    errors: list[dict[str, Any]] | None = None


def problem(
    status: int, detail: str, headers: Mapping[str, str] | None = None, errors: list[dict[str, Any]] | None = None
) -> JSONResponse:
    """The response that says so."""
    body = Problem(title=HTTPStatus(status).phrase, status=status, detail=detail, errors=errors)
    content = body.model_dump(exclude_none=True)
    return JSONResponse(content, status, headers=headers and dict(headers), media_type=MEDIA_TYPE)


def responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these errors."""
    schema = {"schema": {"$ref": "#/components/schemas/Problem"}}
    return {
        status: {"description": HTTPStatus(status).phrase, "content": {MEDIA_TYPE: schema}, "model": None}
        for status in statuses
    }


def answer_errors(app: FastAPI) -> None:
    """Have every error of the application leave it as a problem."""
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(StrataError, _strata)


async def _http(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    return problem(error.status_code, str(error.detail), error.headers)


async def _invalid(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    found = [{"where": list(each["loc"]), "what": each["msg"]} for each in error.errors()]
    return problem(422, "the request is not as it should be; see errors", errors=found)


async def _strata(_request: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, StrataError)
    return for_error(error)


def for_error(error: StrataError) -> JSONResponse:
    """The response to what somebody asked for and cannot have."""
    status = next((status for kind, status in _STATUS.items() if isinstance(error, kind)), 422)
    return problem(status, str(error), {"Retry-After": "5"} if status == 503 else None)
