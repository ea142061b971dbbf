"""What the page's server answers: a few files, where its libp2p host is, and how a browser stands in the mesh.

All of it is a pure function of the request. The files come from the package; nothing of a request names a path.
"""

import binascii
import json
import re
from base64 import urlsafe_b64decode
from collections.abc import Mapping
from dataclasses import dataclass
from http import HTTPStatus
from importlib.resources import files
from typing import Annotated

import pydantic

from strata.mesh.listen import CannotListen
from strata.mesh.page.browsers import may_learn, standing
from strata.mesh.page.http import Reply, Request
from strata.mesh.roster import Roster

_FILES: Mapping[str, tuple[str, str]] = {
    "/": ("index.html", "text/html; charset=utf-8"),
    "/app.js": ("app.js", "text/javascript; charset=utf-8"),
    "/style.css": ("style.css", "text/css; charset=utf-8"),
    "/icon.svg": ("icon.svg", "image/svg+xml"),
}
_JSON = "application/json"
_HOST = re.compile(r"([A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\])(?::[0-9]{1,5})?")
# A multiaddr of WebSocket, over TLS in either spelling or not.
_WEBSOCKET = re.compile(r"/(dns|dns4|dns6|ip4|ip6)/[^/\s]+/tcp/[0-9]{1,5}/(ws|(?P<tls>wss|tls/(sni/[^/\s]+/)?ws))")
_HEADERS: Mapping[str, str] = {
    "Cache-Control": "no-cache",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
}


@dataclass(frozen=True)
class Where:
    """Where browsers find the libp2p host: at this port of the machine that the page is from, or at this multiaddr.

    Raises CannotListen where that is not one of WebSocket.
    """

    peer_id: str
    port: int
    address: str | None = None

    def __post_init__(self) -> None:
        if self.address is not None and _WEBSOCKET.fullmatch(self.address) is None:
            raise CannotListen(
                f"no browser can dial {self.address!r}: it takes a multiaddr of WebSocket, with no /p2p at its end, "
                "such as /dns4/mesh.example.org/tcp/443/wss"
            )

    @property
    def scheme(self) -> str:
        """Of the URL that browsers dial."""
        found = self.address and _WEBSOCKET.fullmatch(self.address)
        return "wss" if found and found["tls"] else "ws"


class _Question(pydantic.BaseModel):
    model_config = pydantic.ConfigDict(extra="forbid", frozen=True)

    peer: Annotated[str, pydantic.Field(max_length=64)]
    signature: Annotated[str, pydantic.Field(pattern=r"^[A-Za-z0-9_-]{86}$")]


class Site:
    """Answers requests; `respond` never raises."""

    def __init__(self, roster: Roster, where: Where) -> None:
        self._roster = roster
        self._where = where
        static = files("strata.mesh.page") / "static"
        self._files = {path: ((static / name).read_bytes(), kind) for path, (name, kind) in _FILES.items()}

    def respond(self, request: Request) -> Reply:
        """The answer to a request."""
        host = _HOST.fullmatch(request.host)
        if host is None:
            return self._reply(HTTPStatus.BAD_REQUEST, b"", "text/plain")
        if request.target in self._files or request.target == "/where":
            if request.method not in {"GET", "HEAD"}:
                return self._reply(HTTPStatus.METHOD_NOT_ALLOWED, b"", "text/plain", {"Allow": "GET, HEAD"})
            body, kind = self._files.get(request.target) or (self._told_where(), _JSON)
            return self._reply(HTTPStatus.OK, body, kind, {"Content-Security-Policy": self._policy(host[1])})
        if request.target == "/standing":
            if request.method != "POST":
                return self._reply(HTTPStatus.METHOD_NOT_ALLOWED, b"", "text/plain", {"Allow": "POST"})
            return self._standing(request.body)
        return self._reply(HTTPStatus.NOT_FOUND, b"", "text/plain")

    def _told_where(self) -> bytes:
        where = self._where
        return _json(peer=where.peer_id, port=where.port, address=where.address, mesh=self._roster.membership.mesh_id)

    def _standing(self, body: bytes) -> Reply:
        try:
            asked = _Question.model_validate_json(body)
            signature = urlsafe_b64decode(asked.signature + "==")
        except (pydantic.ValidationError, binascii.Error):
            return self._reply(HTTPStatus.BAD_REQUEST, b"", "text/plain")
        if not may_learn(self._where.peer_id, asked.peer, signature):
            return self._reply(HTTPStatus.FORBIDDEN, b"", "text/plain")
        return self._reply(HTTPStatus.OK, _json(standing=standing(self._roster, asked.peer)), _JSON)

    def _policy(self, host: str) -> str:
        """No script, style or picture but these files, and no connection but to here and to the libp2p host."""
        peer = f"{self._where.scheme}:"
        if self._where.address is None and not host.startswith("["):  # a policy cannot name an IPv6 address
            peer += f"//{host}:{self._where.port}"
        return (
            "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
            f"connect-src 'self' {peer}; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
        )

    def _reply(self, status: HTTPStatus, body: bytes, kind: str, more: Mapping[str, str] | None = None) -> Reply:
        strict = {"Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'", "Content-Type": kind}
        return Reply(status, body, {**_HEADERS, **strict, **(more or {})})


def _json(**values: str | int | None) -> bytes:
    return json.dumps(values).encode()
