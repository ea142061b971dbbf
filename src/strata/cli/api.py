"""`strata api`: tokens of the HTTP API, and its schema."""

import json
from dataclasses import asdict
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Annotated

import typer

from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.store import Scope, Token, TokenLog

app = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Look after the HTTP API.")
tokens = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make, list and revoke bearer tokens.")
app.add_typer(tokens, name="token")

Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
_SCOPES: "tuple[Scope, ...]" = ("read", "infer", "operate")


@tokens.command()
def create(
    name: Annotated[str, typer.Argument(help="Whose it is, for people.")],
    *,
    scope: Annotated[
        list[str], typer.Option(help="read: look; infer: have models answer; operate: start, stop, decide. Repeatable.")
    ],
    days: Annotated[float | None, typer.Option(min=0, help="Until it expires. Default: never.")] = None,
    as_json: Json = False,
) -> None:
    """Make a token. It is printed once, and only its SHA-256 is kept."""
    if unknown := set(scope) - set(_SCOPES):
        raise StrataError(f"no scope: {min(unknown)}; there are {', '.join(_SCOPES)}")
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    scopes = tuple(each for each in _SCOPES if each in scope)
    with _log() as log:
        token, secret = log.create(name, scopes, expires)
    if as_json:
        typer.echo(json.dumps({"token": secret} | asdict(token), default=str))
        return
    typer.echo(secret)
    typer.echo(f"token {token.id}, {name}: {', '.join(scopes)}; it is not shown again", err=True)


@tokens.command("list")
def list_tokens(as_json: Json = False) -> None:
    """Every token: id, name, scopes, when it was made, and whether it may be used."""
    with _log() as log:
        found = log.all()
    if as_json:
        typer.echo(json.dumps({"tokens": [asdict(token) for token in found]}, default=str))
        return
    now = datetime.now(UTC)
    for token in found:
        scopes = ",".join(token.scopes)
        typer.echo(f"{token.id:>4}  {token.created:%Y-%m-%d %H:%M}  {_state(token, now):<24} {scopes:<20} {token.name}")
    typer.echo(f"{len(found)} tokens")


@tokens.command()
def revoke(
    token: Annotated[int, typer.Argument(min=1, help="Its id.")],
    as_json: Json = False,
) -> None:
    """Refuse a token from now on."""
    with _log() as log:
        log.revoke(token)
    typer.echo(json.dumps({"revoked": token}) if as_json else f"token {token} is revoked")


@app.command()
def openapi() -> None:
    """Print the API's schema (OpenAPI 3.1)."""
    from strata.api import schema

    typer.echo(json.dumps(schema(), indent=2))


def _log() -> "TokenLog":
    from strata.settings import Settings
    from strata.store import TokenLog

    return TokenLog(Settings().ledger)


def _state(token: "Token", now: datetime) -> str:
    if token.revoked is not None:
        return "revoked"
    if token.expires is None:
        return "valid"
    return f"{'valid until' if token.is_valid(now) else 'expired'} {token.expires:%Y-%m-%d}"
