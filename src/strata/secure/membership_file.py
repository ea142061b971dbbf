"""The file in which a machine keeps the membership of its mesh."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

from strata import files
from strata.secure.errors import MembershipError
from strata.secure.identity import Identity
from strata.secure.membership import MAX_SEALED_BYTES, Membership, open_sealed


def read_membership(path: Path, owner_peer_id: str | None = None) -> Membership:
    """Open a membership file; raises MembershipError. See `open_sealed` for what `owner_peer_id` pins."""
    return read_sealed(path, owner_peer_id)[0]


def read_sealed(path: Path, owner_peer_id: str | None = None) -> tuple[Membership, bytes]:
    """As `read_membership`, and the bytes as its owner signed them, for others who have an older one."""
    try:
        with path.open("rb") as file:
            sealed = file.read(MAX_SEALED_BYTES + 1)
        return open_sealed(sealed, owner_peer_id), sealed
    except OSError as error:
        raise MembershipError(f"cannot read the membership {path}: {error.strerror}") from None


def write_membership(path: Path, sealed: bytes) -> Membership:
    """Store a membership; raises MembershipError when the file already holds another mesh or a version as new."""
    with _locked(path):
        return _write(path, sealed)


def edit_membership(path: Path, owner: Identity, change: Callable[[Membership], Membership]) -> Membership:
    """Read, change, seal and store a membership, with no other editor in between; raises MembershipError."""
    with _locked(path):
        return _write(path, change(read_membership(path)).seal(owner))


def _locked(path: Path) -> AbstractContextManager[None]:
    return files.locked(path.with_name(f".{path.name}.lock"), exclusive=True)


def _write(path: Path, sealed: bytes) -> Membership:
    membership = read_membership(path).successor(sealed) if path.exists() else open_sealed(sealed)
    files.write(path, sealed)
    return membership
