"""A request of HTTP and its answer, as values."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus


@dataclass(frozen=True)
class Request:
    """target: path and query as they came. host: the header, "" if there is none."""

    method: str
    target: str
    host: str = ""
    body: bytes = b""


@dataclass(frozen=True)
class Reply:
    """What is answered; Content-Length is added to the headers."""

    status: HTTPStatus
    body: bytes = b""
    headers: Mapping[str, str] = field(default_factory=dict)


Respond = Callable[[Request], Reply]
