"""Errors as OpenAI's clients read them: `{"error": {"message", "type", "param", "code"}}`."""

from collections.abc import Callable, Coroutine, Mapping
from http import HTTPStatus
from typing import Any

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.exceptions import HTTPException as StarletteHTTPException

from strata.api.ports import FleetUnavailable
from strata.errors import StrataError

RETRY_SECONDS = "5"
_CODES = {401: "invalid_api_key", 403: "insufficient_scope", 404: "model_not_found", 429: "rate_limit_exceeded"}


class ErrorObject(BaseModel):
    """param: the parameter at fault; code: for programs."""

    message: str
    type: str
    param: str | None
    code: str | None


class ErrorAnswer(BaseModel):
    """Every refusal of these routes."""

    error: ErrorObject


class ChatRoute(APIRoute):
    """A route that answers its errors so, which elsewhere in the API are problem details."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """As FastAPI has it, but for errors."""
        handle = super().get_route_handler()

        async def answer(request: Request) -> Response:
            try:
                return await handle(request)
            except RequestValidationError as error:
                return _invalid(error)
            except StarletteHTTPException as error:
                return _response(error.status_code, str(error.detail), headers=error.headers)
            except StrataError as error:
                return refused(error)

        return answer


def refused(error: StrataError) -> Response:
    """What the fleet does not answer: 503 where it cannot now, else 400, since nothing could answer that."""
    if isinstance(error, FleetUnavailable):
        return _response(503, str(error), headers={"Retry-After": RETRY_SECONDS})
    return _response(400, str(error))


def no_such_model(name: str) -> HTTPException:
    """The error for a name that no model has."""
    return HTTPException(404, f"the model {name!r} does not exist here; GET /v1/models lists those that do")


def refusals(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """What OpenAPI says of these errors."""
    return {status: {"description": HTTPStatus(status).phrase, "model": ErrorAnswer} for status in statuses}


def error_object(status: int, message: str, param: str | None = None, code: str | None = None) -> dict[str, Any]:
    """The document."""
    kind = "server_error" if status >= 500 else "invalid_request_error"
    error = ErrorObject(message=message, type=kind, param=param, code=code or _CODES.get(status))
    return ErrorAnswer(error=error).model_dump()


def _response(
    status: int,
    message: str,
    *,
    param: str | None = None,
    code: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> JSONResponse:
    return JSONResponse(error_object(status, message, param, code), status, headers=headers and dict(headers))


def _invalid(error: RequestValidationError) -> JSONResponse:
    """The first thing that is wrong with a request."""
    first = error.errors()[0]
    param = ".".join(str(part) for part in first["loc"] if part != "body") or None
    if first["type"] == "extra_forbidden":
        return _response(400, f"the parameter {param!r} is not supported", param=param, code="unsupported_parameter")
    if first["type"] == "json_invalid":
        return _response(400, "the body is not JSON", code="invalid_json")
    where = f"{param}: " if param else ""
    return _response(400, f"{where}{first['msg']}", param=param, code="invalid_value")
