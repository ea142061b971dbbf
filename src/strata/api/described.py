"""What the schema says of a path: its routes may lie in several routers, each of which knows of its own only."""

import re
from collections.abc import Mapping
from typing import Any

from fastapi import FastAPI, HTTPException, Request
from starlette.routing import compile_path


class Described:
    """The operations of an application, by path."""

    def __init__(self, app: FastAPI) -> None:
        paths: Mapping[str, Mapping[str, Any]] = app.openapi()["paths"]
        self._paths: list[tuple[re.Pattern[str], Mapping[str, Any]]] = [
            (compile_path(path)[0], operations) for path, operations in paths.items()
        ]

    def methods(self, path: str) -> list[str]:
        """What can be done there; nothing where the schema does not tell of it."""
        return sorted(method.upper() for method in self._operations(path))

    def parameters(self, path: str, method: str) -> frozenset[str] | None:
        """Names that the query of an operation may have; None where the schema does not tell of it."""
        operation = self._operations(path).get(method.lower())
        if operation is None:
            return None
        return frozenset(each["name"] for each in operation.get("parameters", ()) if each["in"] == "query")

    def _operations(self, path: str) -> Mapping[str, Any]:
        found: dict[str, Any] = {}
        for pattern, operations in self._paths:
            if pattern.match(path):
                found = {**operations, **found}
        return found


def described(app: FastAPI) -> Described:
    """That of this application, made when it is first asked for."""
    if not hasattr(app.state, "described"):
        app.state.described = Described(app)
    found: Described = app.state.described
    return found


async def only_known(request: Request) -> None:
    """The dependency that refuses a query with a name that nobody reads: it would be mistaken for heeded."""
    if not request.query_params:
        return
    known = described(request.app).parameters(request.url.path, request.method)
    if known is not None and (unknown := request.query_params.keys() - known):
        there = ", ".join(sorted(known)) or "none"
        raise HTTPException(422, f"the query has no parameter {min(unknown)!r}; there are: {there}")
