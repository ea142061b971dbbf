"""Who may be at a listener at once: connections that have not said yet whose they are, and those of members.

Nobody outside may keep a member from getting in, and no member may take the room of the others.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from ipaddress import IPv4Address, IPv6Network, ip_address

from strata.errors import StrataError
from strata.secure import Member

MAX_CONNECTIONS = 1024
CONNECTIONS_OF_ONE = 64


class TooManyConnections(StrataError):
    """A member has as many connections as it may have, or all members together."""


class Comer:
    """A connection that has not said yet whose it is, from `host` (an IP address); `drop` ends it.

    known: it knows this peer's channel key, as members do.
    """

    def __init__(self, host: str, drop: Callable[[], None]) -> None:
        self.known = False
        self.drop = drop
        self.origin = _origin(host)


class Pending:
    """Handshakes that go on, `most` at a time; where there is no room, a newcomer takes another's.

    It takes it from where most of them come from; there from one that has shown nothing, if there is any; of these from
    the oldest. So a flood drives itself out. Where it comes from the same address as a member, or from as many as there
    are places, it can drive out that member too, but only before the member's hello has been read.
    """

    def __init__(self, most: int) -> None:
        self._most = most
        self._comers: dict[Comer, None] = {}

    def __len__(self) -> int:
        return len(self._comers)

    @contextmanager
    def holding(self, comer: Comer) -> Iterator[None]:
        """Give it a place for the block."""
        if len(self) >= self._most:
            self._drop_one()
        self._comers[comer] = None
        try:
            yield
        finally:
            self._comers.pop(comer, None)

    def _drop_one(self) -> None:
        crowds = Counter(each.origin for each in self._comers)
        victim = max(self._comers, key=lambda each: (crowds[each.origin], not each.known))  # of equals the oldest
        del self._comers[victim]  # at once: it takes a while until it has gone
        victim.drop()


class Places:
    """Connections of members: `most` in all, `most_of_one` of one member."""

    def __init__(self, most: int, most_of_one: int) -> None:
        self._most = most
        self._most_of_one = most_of_one
        self._taken: Counter[str] = Counter()

    @contextmanager
    def taking(self, peer: Member) -> Iterator[None]:
        """Take a place for the block; raises TooManyConnections."""
        if self._taken[peer.peer_id] >= self._most_of_one:
            raise TooManyConnections(f"{peer.name} has {self._most_of_one} connections here and gets no more")
        if self._taken.total() >= self._most:
            raise TooManyConnections(f"{peer.name} finds all {self._most} places for connections taken")
        self._taken[peer.peer_id] += 1
        try:
            yield
        finally:
            self._taken[peer.peer_id] -= 1
            if not self._taken[peer.peer_id]:
                del self._taken[peer.peer_id]


def _origin(host: str) -> IPv4Address | IPv6Network:
    """An IPv4 address, or the /64 of an IPv6 one, all of which one machine may have."""
    address = ip_address(host.partition("%")[0])
    if isinstance(address, IPv4Address):
        return address
    return address.ipv4_mapped or IPv6Network((address, 64), strict=False)
