"""Whether a change of the mesh is kept: a pure decision, from the mesh before it and the looks at it after.

Noise must not undo a good change, nor may a bad one stay. So a link or a path counts as worse only beyond a margin, a
look that finds nothing worse keeps the change, and only `LOOKS` in a row that do undo it. Connectivity does not vary by
chance: where the mesh would be in fewer parts, or bear more, without the change, it is undone at once. That is asked of
the mesh as it is now, lest a member that died meanwhile be blamed on the change. And a change that keeps the mesh from
being in parts stays, however slow it is.
"""

import math
import statistics
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from strata.mesh.network import Network, Pair, Quality
from strata.mesh.topology import WeakSpots

LOOKS = 3

Verdict = Literal["keep", "look again", "revert"]


@dataclass(frozen=True)
class Change:
    """Links to add and to drop."""

    add: tuple[Pair, ...] = ()
    drop: tuple[Pair, ...] = ()

    def __bool__(self) -> bool:
        return bool(self.add or self.drop)

    @property
    def undone(self) -> "Change":
        """What takes it back."""
        return Change(self.drop, self.add)


@dataclass(frozen=True)
class Margin:
    """What counts as worse: paths longer by this share and by these seconds, throughput smaller by this share."""

    latency: float = 0.25
    latency_seconds: float = 0.005
    throughput: float = 0.5


USUAL = Margin()


@dataclass(frozen=True)
class Judgement:
    """verdict, the reasons for it, and the figures that were compared (seconds and bytes/s)."""

    verdict: Verdict
    reasons: tuple[str, ...] = ()
    figures: dict[str, float] = field(default_factory=dict)


def judge(
    before: Network,
    looks: Sequence[Network],
    change: Change,
    diagnose: Callable[[Network], WeakSpots],
    margin: Margin = USUAL,
) -> Judgement:
    """Keep the change, look once more, or take it back. looks: the mesh after the change, at least once."""
    now = looks[-1]
    undone, done = (standing(diagnose(network)) for network in (without(now, change, before), now))
    if undone < done:
        return Judgement("revert", ("the mesh is better connected without it",))
    worse = [_worse(before, look, margin) for look in looks]
    reasons, figures = worse[-1]
    if not reasons:
        return Judgement("keep", (), figures)
    if undone[0] > done[0]:
        return Judgement("keep", (*reasons, "but without it the mesh is in parts"), figures)
    if len(worse) >= LOOKS and all(found for found, _ in worse[-LOOKS:]):
        return Judgement("revert", reasons, figures)
    return Judgement("look again", reasons, figures)


def standing(weak: WeakSpots) -> tuple[int, int, int, int]:
    """How well a mesh hangs together, the smaller the better: parts, losses it bears, single peers, single links."""
    points, bridges = len(weak.articulation_points), len(weak.bridges)
    return len(weak.components), -weak.vertex_connectivity, points, bridges


def without(now: Network, change: Change, before: Network) -> Network:
    """The mesh as it would be had the change not been made; the links it dropped are as good as they were."""
    links = {ends: quality for ends, quality in now.links.items() if ends not in change.add}
    for ends in change.drop:
        if ends in before.links and ends[0] in now.peers and ends[1] in now.peers:
            links[ends] = before.links[ends]
    return Network(now.peers, links)


def mean_latency(network: Network, among: Collection[str]) -> tuple[float, int]:
    """Mean round trip in seconds over the shortest paths of all ordered pairs of these that have one, and how many.

    Paths lead through peers that carry. All of them by Dijkstra's algorithm (scipy's).
    """
    import numpy
    from scipy.sparse import csr_array
    from scipy.sparse.csgraph import dijkstra

    number = {name: at for at, name in enumerate(network.peers)}
    # A path may begin at a peer that carries nothing for others, but not pass one: only carriers have ways out.
    ways: dict[str, list[tuple[str, float]]] = {name: [] for name in network.peers}
    for (one, other), quality in network.links.items():
        seconds = max(quality.rtt_seconds, 1e-9)  # 0 is no link to scipy
        ways[one].append((other, seconds))
        ways[other].append((one, seconds))
    arcs = [(number[one], number[other], seconds)
            for one, out in ways.items() if network.peers[one].carries for other, seconds in out]  # fmt: skip
    starts, ends, weights = zip(*arcs, strict=True) if arcs else ((), (), ())
    paths = dijkstra(csr_array((weights, (starts, ends)), shape=(len(number), len(number))))
    total, count = 0.0, 0
    wanted = [number[name] for name in among]
    for name in among:
        row = paths[number[name]]
        if not network.peers[name].carries and ways[name]:
            row = numpy.min([paths[number[other]] + seconds for other, seconds in ways[name]], axis=0)
        found = [row[end] for end in wanted if end != number[name] and math.isfinite(row[end])]
        total, count = total + float(sum(found)), count + len(found)
    return (total / count if count else math.nan), count


def _worse(before: Network, now: Network, margin: Margin) -> tuple[tuple[str, ...], dict[str, float]]:
    """In what a look is worse than the mesh before, among the peers and links that both have."""
    reasons = []
    figures: dict[str, float] = {}
    both = before.peers.keys() & now.peers.keys()
    (was, were), (latency, count) = mean_latency(before, both), mean_latency(now, both)
    if were and count:
        figures |= {"latency_before": was, "latency_after": latency}
        if were == count and latency > max(was * (1 + margin.latency), was + margin.latency_seconds):
            reasons.append(f"paths take {1000 * latency:.1f} ms on average, {1000 * was:.1f} before")
    rates = [
        (before.links[ends].bytes_per_second, now.links[ends].bytes_per_second)
        for ends in before.links.keys() & now.links.keys()
        if _measured(before.links[ends]) and _measured(now.links[ends])
    ]
    if rates:
        share = statistics.median(after / first for first, after in rates)
        figures |= {"throughput_share": share}
        if share < 1 - margin.throughput:
            reasons.append(f"links that were there before carry {share:.0%} of what they did")
    return tuple(reasons), figures


def _measured(quality: Quality) -> bool:
    return math.isfinite(quality.bytes_per_second)
