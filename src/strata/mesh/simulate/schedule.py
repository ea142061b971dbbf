"""When which fault begins and ends. It hangs on the seed alone, not on what the mesh does about it."""

from collections.abc import Iterator
from dataclasses import dataclass
from enum import Enum, auto
from random import Random

from strata.mesh.network import Network, Pair
from strata.mesh.simulate.chance import chance
from strata.mesh.simulate.scenario import Scenario


class Kind(Enum):
    """Kinds of faults."""

    CRASH = auto()
    LEAVE = auto()
    CUT = auto()
    SPLIT = auto()
    STALL = auto()


@dataclass(frozen=True, slots=True)
class Fault:
    """From `begins` to `ends`, in seconds. what: a node, a pair, or the nodes of the smaller part."""

    begins: float
    ends: float
    kind: Kind
    what: str | Pair | frozenset[str]


def schedule(scenario: Scenario, network: Network, seed: int) -> list[Fault]:
    """Every fault in order of its beginning. Each node and pair has a random source of its own.

    So meshes of the same nodes meet the same crashes, whatever links they have.
    """
    return sorted(_faults(scenario, network, seed), key=lambda fault: fault.begins)


def slow_nodes(scenario: Scenario, network: Network, seed: int) -> frozenset[str]:
    """Who is slow."""
    if scenario.slow is None:
        return frozenset()
    names = sorted(network.peers)
    return frozenset(chance(seed, "slow").sample(names, round(scenario.slow.share * len(names))))


def _faults(scenario: Scenario, network: Network, seed: int) -> Iterator[Fault]:
    end = scenario.hours * 3600
    names = sorted(network.peers)
    for kind, spell in ((Kind.CRASH, scenario.crash), (Kind.LEAVE, scenario.leave)):
        for name in names if spell else ():
            assert spell is not None
            source = chance(seed, kind.name, name)
            for begins, ends in _times(source, spell.every_hours * 3600, spell.minutes * 60, end):
                yield Fault(begins, ends, kind, name)
    if (cut := scenario.cut) is not None:
        for ends_of in sorted({*network.links, *network.possible}):
            source = chance(seed, "CUT", *ends_of)
            for begins, ends in _times(source, cut.every_hours * 3600, cut.minutes * 60, end):
                yield Fault(begins, ends, Kind.CUT, ends_of)
    if (split := scenario.split) is not None:
        source = chance(seed, "SPLIT")
        for begins, ends in _times(source, split.every_hours * 3600, split.minutes * 60, end):
            yield Fault(begins, ends, Kind.SPLIT, frozenset(name for name in names if source.random() < split.share))
    if (slow := scenario.slow) is not None:
        for name in sorted(slow_nodes(scenario, network, seed)):
            source = chance(seed, "STALL", name)
            for begins, ends in _times(source, slow.running_seconds, slow.stalled_seconds, end):
                yield Fault(begins, ends, Kind.STALL, name)


def _times(source: Random, apart: float, long: float, end: float) -> Iterator[tuple[float, float]]:
    time = source.expovariate(1 / apart)
    while time < end:
        over = time + source.expovariate(1 / long)
        yield time, over
        time = over + source.expovariate(1 / apart)
