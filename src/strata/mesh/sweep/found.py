"""What a sweep found: who answers, what was measured between them, and the mesh that this makes."""

import statistics
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

from strata.mesh.network import Device, Network, Pair, Peer, Quality, pair
from strata.rollout import Measured

REMEMBERED_SWEEPS = 300  # a day of them, every five minutes


@dataclass(frozen=True)
class MemberState:
    """What a member's agent says.

    neighbours: who is linked with it, by name, with the round trip in seconds where it measures it. expiring: when what
    it holds runs out, in seconds since 1970. held: what its failure detector holds of others, by name ("alive",
    "suspect", "dead", "left"), and for how many seconds it has.
    """

    name: str
    version: str = ""
    device: Device = Device.SERVER
    most_links: int = 64
    neighbours: Mapping[str, float | None] = field(default_factory=dict)
    expiring: Mapping[str, float] = field(default_factory=dict)
    held: Mapping[str, tuple[str, float]] = field(default_factory=dict)


@dataclass(frozen=True)
class Discovery:
    """Who is there. at: seconds since 1970. members: names of all that should be.

    states: what those who answer say. silent: why the others do not. seen_by: of the silent ones those that live
    nevertheless, and who can reach them. measured: how long each who answered took to, where that is compared.
    """

    at: float
    members: tuple[str, ...]
    states: Mapping[str, MemberState]
    silent: Mapping[str, str] = field(default_factory=dict)
    seen_by: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    measured: tuple[Measured, ...] = ()

    @property
    def dead(self) -> tuple[str, ...]:
        """Those that nobody reaches."""
        return tuple(name for name in self.members if name in self.silent and not self.seen_by.get(name))

    def hearsay(self, name: str) -> str:
        """In words, what the others' failure detectors hold of a member that does not answer; empty if nothing."""
        held = [each.held[name] for each in self.states.values() if name in each.held]
        words = {"dead": "hold it dead", "left": "hold that it left", "suspect": "suspect it"}
        found = [
            f"{len(times)} of {len(self.states)} {said}, for {max(times):.0f} s"
            for state, said in words.items()
            if (times := [seconds for what, seconds in held if what == state])
        ]
        return ", ".join(found)

    @property
    def links(self) -> Mapping[Pair, float | None]:
        """Links that are up, with the round trip that one end measured.

        Each end that answers must tell of it: what only one of them has is a connection that the other has lost.
        """
        found: dict[Pair, float | None] = {}
        alive = set(self.members) - set(self.dead)
        for name, state in self.states.items():
            for other, rtt in state.neighbours.items():
                far = self.states.get(other)
                if other in alive and other != name and (far is None or name in far.neighbours):
                    known = rtt if far is None or rtt is not None else far.neighbours[name]
                    found[pair(name, other)] = known
        return found


Probes = Mapping[Pair, Quality | None]  # None: one cannot reach the other


@dataclass(frozen=True)
class Known:
    """Qualities of pairs as they were last measured, and the number of the sweep that did it; None: unreachable."""

    qualities: Mapping[Pair, tuple[Quality | None, int]] = field(default_factory=dict)

    def with_probes(self, probes: Probes, sweep: int) -> "Known":
        """What is known after that sweep; what has not been measured for a day is forgotten."""
        fresh = {each: (quality, sweep) for each, quality in probes.items()}
        old = {each: known for each, known in self.qualities.items() if known[1] > sweep - REMEMBERED_SWEEPS}
        return Known({**old, **fresh})


def quality_of(rtts: Sequence[float | None], sample_bytes: int, sample_seconds: float | None) -> Quality | None:
    """What so many pings and a sample say of a link; None where nothing was answered.

    The round trip is the shortest, which is the link's, however busy its ends are (as BBR takes it, Cardwell et al.
    2016). The jitter is the mean difference of one round trip to the next (the D of RFC 3550, section 6.4.1).
    """
    answered = [rtt for rtt in rtts if rtt is not None]
    if not answered:
        return None
    steps = [abs(after - before) for before, after in pairwise(answered)]
    rate = {} if sample_seconds is None else {"bytes_per_second": sample_bytes / sample_seconds}
    return Quality(
        rtt_seconds=min(answered),
        jitter_seconds=statistics.fmean(steps) if steps else 0.0,
        loss=1 - len(answered) / len(rtts),
        **rate,
    )


def network_of(
    discovery: Discovery, known: Known, held_back: Iterable[Pair] = (), unreached: Collection[Pair] = ()
) -> Network:
    """The mesh: who lives, the links that are up, and those that could be, which are the pairs that reach each other.

    A link that was never probed has the round trip that its own end measures. held_back: pairs that are not possible,
    whatever was measured. unreached: pairs that did not reach each other just now; a link of such a pair is cut, and
    its ends have only not noticed yet.
    """
    dead, held = set(discovery.dead), set(held_back)
    peers = {}
    for name in discovery.members:
        if name not in dead:
            state = discovery.states.get(name) or MemberState(name)
            peers[name] = Peer(name, state.device, state.most_links)
    links: dict[Pair, Quality] = {}
    for ends, rtt in discovery.links.items():
        if ends in unreached:
            continue
        quality, _ = known.qualities.get(ends, (None, 0))
        if quality is None and rtt is not None:
            quality = Quality(rtt)
        if quality is not None:
            links[ends] = quality
    possible = {
        ends: quality
        for ends, (quality, _) in known.qualities.items()
        if quality is not None and ends not in links and ends not in held and ends[0] in peers and ends[1] in peers
    }
    return Network(peers, links, possible)
