"""Where a member may be found: what the membership lists, what others claim, and what has answered.

Addresses are of two kinds: "host:port" for direct links, and multiaddrs for libp2p. A claim is hearsay. It is one
address of each kind for each member, an IP address and a port and never a name to look up, and it leads to nothing but
a handshake with that member's own key.
"""

import re
from ipaddress import IPv6Address, ip_address

from strata.secure import Member

_DIRECT = re.compile(r"(?:(?P<ip4>[0-9.]{7,15})|\[(?P<ip6>[0-9A-Fa-f:.]{2,45})\]):(?P<port>[1-9][0-9]{0,4})")
_MULTIADDR = re.compile(
    r"/(?:ip4/(?P<ip4>[0-9.]{7,15})|ip6/(?P<ip6>[0-9A-Fa-f:.]{2,45}))"
    r"(?:/tcp/(?P<tcp>[1-9][0-9]{0,4})(?:/ws)?|/udp/(?P<udp>[1-9][0-9]{0,4})/quic-v1)"
)


def may_be_claimed(address: str) -> bool:
    """Whether it is an IP address of one machine, and a port.

    "192.0.2.7:9000" or "[2001:db8::7]:9000"; "/ip4/192.0.2.7/tcp/9000", "…/ws" or "/ip4/192.0.2.7/udp/9000/quic-v1".
    """
    if (match := (_MULTIADDR if _is_multiaddr(address) else _DIRECT).fullmatch(address)) is None:
        return False
    found = match.groupdict()
    if int(found.get("port") or found.get("tcp") or found["udp"]) > 65535:
        return False
    try:
        host = ip_address(found["ip4"] or found["ip6"])
    except ValueError:
        return False
    if isinstance(host, IPv6Address) is (found["ip6"] is None):
        return False
    return not (host.is_unspecified or host.is_multicast or host.is_reserved)


class Addresses:
    """What is claimed of members, and where they answered last, by peer id and kind of address."""

    def __init__(self) -> None:
        self._claimed: dict[tuple[str, bool], str] = {}
        self._answered: dict[tuple[str, bool], str] = {}

    def of(self, member: Member) -> tuple[str, ...]:
        """For direct links, in the order to try them: where it answered last, where it is listed, where others say."""
        return self._known(member.peer_id, member.direct, multiaddrs=False)

    def multiaddrs_of(self, member: Member) -> tuple[str, ...]:
        """For libp2p, in the same order."""
        return self._known(member.peer_id, member.multiaddrs, multiaddrs=True)

    def claim(self, peer_id: str, address: str) -> None:
        """Somebody says that it is there now; what may not be claimed is not taken."""
        key = peer_id, _is_multiaddr(address)
        if may_be_claimed(address) and self._claimed.get(key) != address:
            self._claimed[key] = address
            self._answered.pop(key, None)

    def answer(self, peer_id: str, address: str) -> None:
        """It has answered there, and proved to be that member."""
        self._answered[peer_id, _is_multiaddr(address)] = address

    def keep_only(self, peer_ids: set[str]) -> None:
        """Forget all others."""
        for known in (self._claimed, self._answered):
            for key in [key for key in known if key[0] not in peer_ids]:
                del known[key]

    def _known(self, peer_id: str, listed: tuple[str, ...], *, multiaddrs: bool) -> tuple[str, ...]:
        key = peer_id, multiaddrs
        claimed, answered = self._claimed.get(key), self._answered.get(key)
        known = dict.fromkeys(listed if claimed is None else (*listed, claimed))
        return tuple(dict.fromkeys((answered, *known))) if answered in known else tuple(known)


def _is_multiaddr(address: str) -> bool:
    return address.startswith("/")
