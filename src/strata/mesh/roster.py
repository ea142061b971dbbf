"""The membership a node currently goes by."""

from collections.abc import Callable
from pathlib import Path

from strata.secure import Identity, Membership, MembershipError, files, open_sealed
from strata.secure.membership import MAX_SEALED_BYTES


class Roster:
    """Holds the current membership; takes only newer ones of the same mesh, signed by the same owner."""

    def __init__(self, membership: Membership) -> None:
        self._membership = membership
        self._watchers: set[Callable[[], None]] = set()

    @property
    def membership(self) -> Membership:
        """The current membership."""
        return self._membership

    def update(self, sealed: bytes) -> Membership:
        """Replace the membership; raises MembershipError and keeps the old one unless the new one is signed by the
        owner, of the same mesh and of a higher version. Links whose peer it no longer lists are closed.
        """
        new = open_sealed(sealed, self._membership.owner_peer_id)
        if new.mesh_id != self._membership.mesh_id:
            raise MembershipError(f"that is the membership of another mesh, {new.mesh_id}")
        if new.version <= self._membership.version:
            raise MembershipError(f"version {new.version} is not newer than version {self._membership.version}")
        self._membership = new
        for changed in tuple(self._watchers):
            changed()
        return new

    def watch(self, changed: Callable[[], None]) -> None:
        """Have `changed` called after each update, until `unwatch`."""
        self._watchers.add(changed)

    def unwatch(self, changed: Callable[[], None]) -> None:
        """Undo `watch`."""
        self._watchers.discard(changed)


def read_membership(path: Path, owner_peer_id: str | None = None) -> Membership:
    """Open a membership file; raises MembershipError. See `open_sealed` for what `owner_peer_id` pins."""
    try:
        with path.open("rb") as file:
            return open_sealed(file.read(MAX_SEALED_BYTES + 1), owner_peer_id)
    except OSError as error:
        raise MembershipError(f"cannot read the membership {path}: {error.strerror}") from None


def write_membership(path: Path, sealed: bytes) -> Membership:
    """Store a membership; raises MembershipError when the file already holds another mesh or a version as new."""
    with files.locked(path):
        return _write(path, sealed)


def edit_membership(path: Path, owner: Identity, change: Callable[[Membership], Membership]) -> Membership:
    """Read, change, seal and store a membership, with no other editor in between; raises MembershipError."""
    with files.locked(path):
        return _write(path, change(read_membership(path)).seal(owner))


def _write(path: Path, sealed: bytes) -> Membership:
    membership = Roster(read_membership(path)).update(sealed) if path.exists() else open_sealed(sealed)
    files.replace(path, sealed)
    return membership
