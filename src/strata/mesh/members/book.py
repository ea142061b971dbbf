"""What a member holds of the others."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from random import Random

from strata.mesh.members.messages import State, Update


class What(StrEnum):
    """What happened to a member."""

    JOINED = "joined"
    ALIVE = "alive"  # it is so after all, or has moved to another address
    SUSPECT = "suspect"
    DEAD = "dead"
    LEFT = "left"  # by itself, or the signed membership no longer lists it


@dataclass(frozen=True, slots=True)
class Change:
    """An event. accuser: who found it suspect or dead."""

    peer: str
    what: What
    incarnation: int
    address: str
    accuser: str = ""


class Book:
    """The newest claim about each member, and since when it is in that state.

    Claims are ordered by incarnation, then by state.
    """

    def __init__(self) -> None:
        self.claims: dict[str, Update] = {}
        self.since: dict[str, float] = {}
        self._living: dict[str, None] = {}  # keeps the order, so that what is drawn from it repeats

    @property
    def living(self) -> int:
        """How many are alive or suspect."""
        return len(self._living)

    def is_living(self, peer: str) -> bool:
        """Whether it is alive or suspect."""
        return peer in self._living

    def write(self, update: Update, now: float) -> Change | None:
        """Hold `update` from now on; what that changes for who looks on."""
        before = self.claims.get(update.peer)
        self.claims[update.peer] = update
        if before is None or before.state is not update.state:
            self.since[update.peer] = now
        if update.state in (State.ALIVE, State.SUSPECT):
            self._living[update.peer] = None
        else:
            self._living.pop(update.peer, None)
        what = _what(before, update)
        if what is None:
            return None
        return Change(update.peer, what, update.incarnation, update.address, update.accuser)

    def forget(self, peer: str) -> None:
        """Hold nothing of it any more."""
        del self.claims[peer], self.since[peer]
        self._living.pop(peer, None)

    def is_mobile(self, peer: str) -> bool:
        """Whether it says that it is."""
        return peer in self.claims and self.claims[peer].mobile

    def some(self, count: int, source: Random, besides: str = "") -> list[str]:
        """At most `count` living ones, at random, and another than `besides`; mobile ones where there are no others."""
        return _sample(self._steady([peer for peer in self._living if peer != besides]), count, source)

    def hearers(self, count: int, source: Random, dead_since: float, near: Callable[[str], bool]) -> list[str]:
        """Members to gossip to: the living, and who has been dead only since then; at random, those `near` first.

        Mobile ones only where there are no others: they hear of it when they next speak to somebody.
        """
        dead = [peer for peer in self._dead() if self.since[peer] >= dead_since]
        among = self._steady([*self._living, *dead])
        first = _sample([peer for peer in among if near(peer)], count, source)
        if len(first) == count:
            return first
        return first + _sample([peer for peer in among if not near(peer)], count - len(first), source)

    def dead(self) -> list[str]:
        """Who is held dead; not who has left."""
        return list(self._dead())

    def _steady(self, peers: list[str]) -> list[str]:
        return [peer for peer in peers if not self.claims[peer].mobile] or peers

    def _dead(self) -> Iterator[str]:
        if len(self._living) < len(self.claims):
            yield from (peer for peer, claim in self.claims.items() if claim.state is State.DEAD)


def newer(update: Update, held: Update) -> bool:
    """Whether a claim overrides another about the same member."""
    return (update.incarnation, update.state) > (held.incarnation, held.state)


def _sample(among: list[str], count: int, source: Random) -> list[str]:
    return source.sample(among, min(count, len(among)))


def _what(before: Update | None, now: Update) -> What | None:
    if before is None:
        return None if now.state in (State.DEAD, State.LEFT) else What.JOINED
    if now.state is State.ALIVE:
        if before.state is State.LEFT:
            return What.JOINED
        return None if before.state is State.ALIVE and before.address == now.address else What.ALIVE
    if now.state is before.state:
        return None
    return What(now.state.name.lower())
