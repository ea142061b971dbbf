"""Bearer tokens of the HTTP API. The ledger has the SHA-256 of each: who reads it cannot use them."""

import hashlib
import secrets
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

from sqlalchemy import insert, select, update

from strata.store.database import Database
from strata.store.errors import LedgerError
from strata.store.tables import tokens

Scope = Literal["read", "infer", "operate"]
PREFIX = "strata_"  # so that a leaked one is recognised by whoever scans for secrets
_BYTES = 32
_LONGEST = 128


@dataclass(frozen=True)
class Token:
    """What is known of a token, without the token itself. `expires`, `revoked`: None is never."""

    id: int
    name: str
    scopes: tuple[Scope, ...]
    created: datetime
    expires: datetime | None
    revoked: datetime | None

    def is_valid(self, now: datetime) -> bool:
        """Whether it may be used now."""
        return self.revoked is None and (self.expires is None or now < self.expires)


class TokenLog(Database):
    """The tokens that were made."""

    def create(self, name: str, scopes: tuple[Scope, ...], expires: datetime | None = None) -> tuple[Token, str]:
        """Make one; returns it and the secret, which is nowhere else. Raises LedgerError for one of no use."""
        now = datetime.now(UTC)
        if not name or not scopes or (expires is not None and expires <= now):
            raise LedgerError("a token needs a name, a scope at least, and a time to come at which it expires")
        secret = PREFIX + secrets.token_urlsafe(_BYTES)
        row: dict[str, Any] = {"name": name, "digest": _digest(secret), "scopes": list(scopes), "created": now}
        with self._engine.begin() as connection:
            key = connection.execute(insert(tokens).values(row | {"expires": expires})).inserted_primary_key
        assert key is not None
        return Token(int(key[0]), name, scopes, now, expires, None), secret

    def find(self, secret: str) -> Token | None:
        """The token, valid or not. Looked up by its digest, so that the time it takes tells nothing of others."""
        if len(secret) > _LONGEST:
            return None
        with self._engine.connect() as connection:
            row = connection.execute(select(tokens).where(tokens.c.digest == _digest(secret))).mappings().first()
        return None if row is None else _token(row)

    def revoke(self, token_id: int) -> None:
        """Refuse it from now on. Raises LedgerError where there is none, or it was revoked before."""
        mine = (tokens.c.id == token_id, tokens.c.revoked.is_(None))
        with self._engine.begin() as connection:
            if connection.execute(update(tokens).where(*mine).values(revoked=datetime.now(UTC))).rowcount != 1:
                raise LedgerError(f"there is no token {token_id} to revoke")

    def all(self) -> tuple[Token, ...]:
        """Every token, the oldest first."""
        with self._engine.connect() as connection:
            return tuple(map(_token, connection.execute(select(tokens).order_by(tokens.c.id)).mappings()))


def _token(row: Any) -> Token:
    fields = {column: value for column, value in row.items() if column != "digest"}
    return Token(**fields | {"scopes": tuple(fields["scopes"])})


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode()).hexdigest()
