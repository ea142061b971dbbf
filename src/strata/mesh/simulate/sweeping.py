"""A sweep in the simulation: what it sees, and the links that it asks for."""

from collections.abc import Callable, Collection

from strata.mesh.network import LinkChanges, Network, Pair
from strata.mesh.simulate.agenda import Agenda
from strata.mesh.simulate.world import World

Mender = Callable[[Network], LinkChanges]


class Sweeper:
    """Sweeps. `seen()`: whom the one that sweeps holds alive, itself among them; nobody where nobody sweeps.

    seconds: from what a sweep sees until the links that it asks for are there; waits(): and for how long it waits for
    who does not answer now. told: is called with links that were added and dropped.
    """

    def __init__(
        self,
        agenda: Agenda,
        world: World,
        mender: Mender,
        *,
        seconds: float,
        waits: Callable[[], float],
        seen: Callable[[], Collection[str]],
        told: Callable[[set[Pair], set[Pair]], None],
    ) -> None:
        self.changes: list[tuple[int, int]] = []  # links added and dropped by each sweep
        self._agenda = agenda
        self._world = world
        self._mender = mender
        self._seconds = seconds
        self._waits = waits
        self._seen = seen
        self._told = told

    def sweep(self) -> None:
        """See, and ask for links; they are there some seconds later, where they still can be."""
        number = len(self.changes)
        self.changes.append((0, 0))
        there = set(self._seen())
        wanted = self._mender(self._network(there)) if there else None
        if wanted is not None and (wanted.add or wanted.drop):
            waited = self._waits()
            self._agenda.at(self._agenda.now + self._seconds + waited, self._ready, wanted, number, waited)

    def _network(self, there: set[str]) -> Network:
        """The nodes that are held alive; links that answer; links that could be there, as far as a dial went well."""
        world = self._world
        live = {ends for ends in world.live_links() if there.issuperset(ends)}
        possible = {
            ends: quality
            for ends, quality in world.known.items()
            if ends not in live and there.issuperset(ends) and not world.cuts[ends]
        }
        peers = {name: world.network.peers[name] for name in world.names if name in there}
        return Network(peers, {ends: world.known[ends] for ends in sorted(live)}, possible)

    def _ready(self, wanted: LinkChanges, number: int, waited: float) -> None:
        """Who fell silent meanwhile is waited for too."""
        more = max(0.0, self._waits() - waited)
        self._agenda.at(self._agenda.now + more, self._apply, wanted, number)

    def _apply(self, wanted: LinkChanges, number: int) -> None:
        told = self._world.told
        added = {ends for ends in wanted.add if self._world.dialable(*ends)} - told
        dropped = told.intersection(wanted.drop)
        self.changes[number] = (len(added), len(dropped))
        told |= added
        told -= dropped
        self._told(added, dropped)
