"""Which strings may become file names in the store. Digests and names arrive over the wire: nothing else may pass."""

import re

from strata.store.errors import InvalidName

_DIGEST = re.compile(r"[0-9a-f]{64}")
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+@=-]{0,127}")


def check_digest(digest: str) -> str:
    """Return `digest` if it is a lower-case hexadecimal SHA-256; raise InvalidName otherwise."""
    if not is_digest(digest):
        raise InvalidName(f"{digest[:80]!r} is not a SHA-256 digest (64 lower-case hexadecimal digits)")
    return digest


def is_digest(text: str) -> bool:
    """Whether it is a lower-case hexadecimal SHA-256."""
    return _DIGEST.fullmatch(text) is not None


def check_name(name: str) -> str:
    """Return `name` if it can be the kind or name of a ref; raise InvalidName otherwise.

    1 to 128 ASCII characters: a letter or digit, then letters, digits or one of ``. _ + @ = -``; so never a path.
    """
    if not _NAME.fullmatch(name):
        raise InvalidName(f"{name[:80]!r} cannot name a ref: use 1 to 128 letters, digits or . _ + @ = - (no slash)")
    return name
