"""Which members are browsers, and how somebody who says to be one stands in the mesh.

A browser cannot speak the mesh's own channel, only libp2p's `/noise`. The policy that lets it in names the members with
the role "browser", as the current membership lists them, and nobody else.
"""

from collections.abc import Collection, Iterator
from enum import StrEnum

from strata.mesh.roster import Roster
from strata.secure import BROWSER, IdentityError, NotAMember, public_key_of, verify

__all__ = ["BROWSER", "Browsers", "Standing", "may_learn", "standing", "standing_question"]

_STANDING_LABEL = b"strata:standing:v1\0"


class Browsers(Collection[str]):
    """Peer ids of the members that are browsers now: the `stock` of `open_host`, which asks again at each handshake."""

    def __init__(self, roster: Roster) -> None:
        self._roster = roster

    def __contains__(self, peer_id: object) -> bool:
        try:
            return BROWSER in self._roster.membership.member(str(peer_id)).roles
        except NotAMember:
            return False

    def __iter__(self) -> Iterator[str]:
        return (member.peer_id for member in self._roster.membership.members if BROWSER in member.roles)

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __bool__(self) -> bool:
        """There may be some later: a host must offer `/noise` while there are none."""
        return True


class Standing(StrEnum):
    """How a peer stands in a mesh, as the page has to tell its user."""

    BROWSER = "browser"
    OTHER_MEMBER = "other"  # a member, but no browser
    REVOKED = "revoked"
    STRANGER = "stranger"


def standing(roster: Roster, peer_id: str) -> Standing:
    """That of the peer now."""
    membership = roster.membership
    if peer_id in membership.revoked:
        return Standing.REVOKED
    try:
        member = membership.member(peer_id)
    except NotAMember:
        return Standing.STRANGER
    return Standing.BROWSER if BROWSER in member.roles else Standing.OTHER_MEMBER


def standing_question(host: str) -> bytes:
    """What a peer signs to learn its own standing from `host`: who belongs to a mesh is not for anybody to ask."""
    return _STANDING_LABEL + public_key_of(host)


def may_learn(host: str, peer_id: str, signature: bytes) -> bool:
    """Whether that question comes from the peer itself."""
    try:
        return verify(peer_id, signature, standing_question(host))
    except IdentityError:
        return False
