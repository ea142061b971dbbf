"""Who belongs to the mesh, as the detector needs to know it: port, and the adapter for signed memberships."""

from typing import Protocol

from strata.mesh.roster import Roster
from strata.secure import MembershipError, NotAMember


class Charter(Protocol):
    """What says who may be a member."""

    @property
    def version(self) -> int:
        """The higher, the newer."""

    @property
    def sealed(self) -> bytes:
        """The bytes to give to who has an older version."""

    def lists(self, peer: str) -> bool:
        """Whether that peer is a member."""

    def take(self, sealed: bytes) -> bool:
        """Replace it by what came from a peer; False, and nothing changes, where it is not genuine and newer."""


class SignedCharter:
    """The members of a `Roster`, by peer id. `sealed` are the bytes of the roster's present membership.

    Raises MembershipError where they are not.
    """

    def __init__(self, roster: Roster, sealed: bytes) -> None:
        from strata.secure import open_sealed

        if open_sealed(sealed, roster.membership.owner_peer_id) != roster.membership:
            raise MembershipError("the sealed membership is another than the one that the node goes by")
        self._roster = roster
        self._sealed = sealed

    @property
    def version(self) -> int:
        """Of the membership."""
        return self._roster.membership.version

    @property
    def sealed(self) -> bytes:
        """As its owner signed it."""
        return self._sealed

    def lists(self, peer: str) -> bool:
        """Whether the present membership lists it."""
        try:
            self._roster.membership.member(peer)
        except NotAMember:
            return False
        return True

    def take(self, sealed: bytes) -> bool:
        """Update the roster, which verifies; see `Charter`."""
        try:
            self._roster.update(sealed)
        except MembershipError:
            return False
        self._sealed = sealed
        return True


class Fetch:
    """Getting a newer charter from who has it: one question at a time, and an answer counts only from who was asked.

    timeout: seconds after which somebody else may be asked.
    """

    def __init__(self, charter: Charter, timeout: float) -> None:
        self._charter = charter
        self._timeout = timeout
        self._asked: tuple[str, float] | None = None

    def begin(self, holder: str, version: int, time: float) -> bool:
        """Somebody goes by `version`; whether to ask it now."""
        if version <= self._charter.version or (self._asked is not None and time < self._asked[1]):
            return False
        self._asked = (holder, time + self._timeout)
        return True

    def end(self, sender: str, sealed: bytes) -> bool:
        """An answer has come; whether the charter is another one now."""
        if self._asked is None or self._asked[0] != sender:
            return False
        self._asked = None
        return self._charter.take(sealed)


class OpenCharter:
    """Everybody is a member: for simulations."""

    version = 0
    sealed = b""

    def lists(self, peer: str) -> bool:
        """Always."""
        return True

    def take(self, sealed: bytes) -> bool:
        """Never: there is nothing newer."""
        return False
