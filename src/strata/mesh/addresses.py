"""Where a member may be found: what the membership lists, what others claim, and what has answered.

A claim is hearsay. It is one address for each member, an IP address and a port and never a name to look up, and it
leads to nothing but a handshake with that member's own key.
"""

import re
from ipaddress import IPv6Address, ip_address

from strata.secure import Member

_ADDRESS = re.compile(r"(?:([0-9.]{7,15})|\[([0-9A-Fa-f:.]{2,45})\]):([1-9][0-9]{0,4})")


def may_be_claimed(address: str) -> bool:
    """Whether it is an IP address of one machine, and a port ("192.0.2.7:9000", "[2001:db8::7]:9000")."""
    if (match := _ADDRESS.fullmatch(address)) is None or int(match[3]) > 65535:
        return False
    try:
        host = ip_address(match[1] or match[2])
    except ValueError:
        return False
    if isinstance(host, IPv6Address) is (match[2] is None):
        return False
    return not (host.is_unspecified or host.is_multicast or host.is_reserved)


class Addresses:
    """What is claimed of members, and where they answered last, by peer id."""

    def __init__(self) -> None:
        self._claimed: dict[str, str] = {}
        self._answered: dict[str, str] = {}

    def of(self, member: Member) -> tuple[str, ...]:
        """In the order to try them: where it answered last, where the membership says, where others say."""
        claimed = self._claimed.get(member.peer_id)
        known = dict.fromkeys(member.direct if claimed is None else (*member.direct, claimed))
        answered = self._answered.get(member.peer_id)
        return tuple(dict.fromkeys((answered, *known))) if answered in known else tuple(known)

    def claim(self, peer_id: str, address: str) -> None:
        """Somebody says that it is there now; what may not be claimed is not taken."""
        if may_be_claimed(address):
            self._claimed[peer_id] = address

    def answer(self, peer_id: str, address: str) -> None:
        """It has answered there, and proved to be that member."""
        self._answered[peer_id] = address

    def keep_only(self, peer_ids: set[str]) -> None:
        """Forget all others."""
        for known in (self._claimed, self._answered):
            for peer_id in known.keys() - peer_ids:
                del known[peer_id]
