"""Which links to add to a mesh, and which to drop, so that it survives failures of its peers."""

from dataclasses import dataclass, replace

from strata.errors import StrataError
from strata.mesh.network import Network, Pair
from strata.mesh.topology.carriers import smallest_cut

MOST_SURVIVED = 16
_SECONDS = 8.0
_MENDING = 0.75  # share of the time; the rest is kept for links that go


@dataclass(frozen=True, slots=True)
class Proposal:
    """add: of the possible links. drop: of those that are there.

    survive: failures that were to be survived. survives: how many of these, any peers, the mesh survives with the
    proposal; -1 where it stays in parts even without one. cost: seconds of round trip of the links added, each to the
    microsecond. bound: what every proposal costs at least that reaches as much; 0 where limits stand in the way of all.
    beyond: peers that keep more links than they bear, since the mesh needs them.
    """

    add: tuple[Pair, ...]
    drop: tuple[Pair, ...]
    survive: int
    survives: int
    cost: float
    bound: float
    beyond: tuple[str, ...] = ()

    @property
    def reached(self) -> bool:
        """Whether the mesh survives what was wanted."""
        return self.survives >= self.survive

    @property
    def proven_optimal(self) -> bool:
        """Whether it is proved that none costs less."""
        return self.cost <= self.bound

    def applied(self, network: Network) -> Network:
        """The mesh with the proposal carried out; links that are dropped stay possible."""
        known = {**network.possible, **network.links}
        links = {each: quality for each, quality in network.links.items() if each not in self.drop}
        links |= {each: known[each] for each in self.add}
        return replace(network, links=links, possible={each: known[each] for each in known if each not in links})


def propose(network: Network, survive: int = 1, *, seconds: float = _SECONDS, prune: bool = False) -> Proposal:
    """The cheapest links to add so that any `survive` peers can fail and the rest has paths, within every limit.

    The cost is the sum of the round trips of links added, and of as cheap ones the fewest changes count. What cannot be
    reached with all possible links is left out and the rest is mended: each part of the mesh that could survive so many
    failures does (see `topology.parts`). A link is dropped where its peer bears no more and nothing else helps, where a
    peer has more links than it bears and the mesh does not need it, and with `prune` where it is not needed and another
    way is as quick.

    seconds: to spend; small meshes take less and are solved exactly. Raises StrataError for a `survive` below 0 or
    above 16.
    """
    if not 0 <= survive <= MOST_SURVIVED:
        raise StrataError(f"a mesh cannot be asked to survive {survive} failures; ask for 0 to {MOST_SURVIVED}")
    import numpy as np

    from strata.mesh.topology import drop
    from strata.mesh.topology.case import Case
    from strata.mesh.topology.demands import Demands
    from strata.mesh.topology.mend import mend

    case = Case.of(network)
    demands = Demands(case, survive)
    found = mend(case, demands, _MENDING * seconds)
    chosen = drop.relieve(case, demands, found.chosen, network)
    if prune:
        chosen = drop.prune(case, demands, chosen, network)
    proposal = Proposal(
        tuple(case.pairs[link] for link in np.flatnonzero(chosen & ~case.there)),
        tuple(case.pairs[link] for link in np.flatnonzero(case.there & ~chosen)),
        survive,
        survive,
        case.cost(chosen)[0] / 1e6,
        found.bound / 1e6,
        tuple(
            name
            for name, has in zip(case.names, case.degrees(chosen), strict=True)
            if has > network.peers[name].most_links
        ),
    )
    cut = smallest_cut(proposal.applied(network), survive)
    return proposal if cut is None else replace(proposal, survives=cut - 1)
