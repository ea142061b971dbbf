"""Menders that need no optimiser: none, and random links to compare with; and one that remembers what another said."""

from collections.abc import Sequence
from dataclasses import dataclass

from strata.mesh.network import LinkChanges, Network, Pair
from strata.mesh.simulate.chance import chance
from strata.mesh.simulate.sweeping import Mender


@dataclass(frozen=True)
class Wanted:
    """A proposal."""

    add: tuple[Pair, ...] = ()
    drop: tuple[Pair, ...] = ()


def leave_alone(network: Network) -> Wanted:
    """Change nothing."""
    return Wanted()


class Remembering:
    """Asks a mender whose answer hangs on the network alone; the same network again is answered from memory."""

    def __init__(self, mender: Mender) -> None:
        self._mender = mender
        self._seen: dict[tuple[frozenset[str], frozenset[Pair], frozenset[Pair]], LinkChanges] = {}

    def __call__(self, network: Network) -> LinkChanges:
        """What the other one wants. Qualities are no part of what is looked up: in a simulation they stay."""
        state = frozenset(network.peers), frozenset(network.links), frozenset(network.possible)
        if (wanted := self._seen.get(state)) is None:
            wanted = self._seen[state] = self._mender(network)
        return wanted


class RandomLinks:
    """In each sweep as many links as another run added and dropped in it, but at random; drops only its own.

    What choosing them well gains is what that run has more than this one. A link that did not come about is made up for
    by another one in the next sweep.
    """

    def __init__(self, changes: Sequence[tuple[int, int]], seed: int) -> None:
        self._changes = iter(changes)
        self._random = chance(seed, "random links")
        self._own: set[Pair] = set()
        self._latest: frozenset[Pair] = frozenset()
        self._owed = 0

    def __call__(self, network: Network) -> Wanted:
        """Any possible ones."""
        adds, drops = next(self._changes)
        failed = self._latest & network.possible.keys()
        self._own -= failed
        self._owed += adds + len(failed)
        possible, own = sorted(network.possible), sorted(self._own & network.links.keys())
        add = self._random.sample(possible, min(self._owed, len(possible)))
        drop = self._random.sample(own, min(drops, len(own)))
        self._owed -= len(add)
        self._latest = frozenset(add)
        self._own = self._own.union(add).difference(drop)
        return Wanted(tuple(add), tuple(drop))
