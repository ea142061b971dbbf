"""Who may ask: a bearer token (RFC 6750) with the scope that a route wants.

`read` looks, `infer` has models answer, `operate` starts, stops, decides and changes.
"""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Annotated, Any

from fastapi import Depends, HTTPException, Request, Security
from fastapi.security import HTTPAuthorizationCredentials, HTTPBearer

from strata.api.context import Context
from strata.store import Scope, Token, TokenLog

_bearer = HTTPBearer(auto_error=False, scheme_name="token", description="Made by `strata api token create`")


def _context(request: Request) -> Context:
    context: Context = request.app.state.context
    return context


Within = Annotated[Context, Depends(_context)]
"""The parameter of a route that needs the context."""


async def _caller(request: Request) -> Token:
    token: Token | None = getattr(request.state, "token", None)
    if token is None:
        raise HTTPException(401, "give a valid bearer token", {"WWW-Authenticate": "Bearer"})
    return token


Caller = Annotated[Token, Depends(_caller)]
"""The parameter of a route that needs to know whose token was given."""


def allowing(scope: Scope) -> Any:
    """The dependency of a route, or router, whose callers need this scope."""
    return Security(_check(scope))


def _check(scope: Scope) -> Callable[..., Token]:
    def check(
        request: Request,
        context: Within,
        given: Annotated[HTTPAuthorizationCredentials | None, Security(_bearer)] = None,
    ) -> Token:
        token = None if given is None else TokenLog(context.ledger).find(given.credentials)
        if token is None or not token.is_valid(datetime.now(UTC)):
            error = "" if given is None else ' error="invalid_token"'
            raise HTTPException(401, "give a valid bearer token", {"WWW-Authenticate": f"Bearer{error}"})
        if scope not in token.scopes:
            wanted = {"WWW-Authenticate": f'Bearer error="insufficient_scope" scope="{scope}"'}
            raise HTTPException(403, f"this needs a token with the scope {scope}", wanted)
        request.state.token = token
        return token

    return check
