"""What was seen of a mesh of processes under faults, and the figures it makes, counted as the simulator counts its own.

The record is of two kinds: what was done to the mesh, which is known to the moment, and what each member said when it
was asked. Since when a link is up, and since when somebody is held dead, they say too; the end of a link that nothing
was done to is known from the next answer on. But a member that goes on after a stop, and ends its old links, has ended
them by then, whenever it says so. A link that came and went, or a member that was held dead and alive again, between
two answers is not in it.
"""

import math
from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from itertools import takewhile

from strata.mesh import Network, Pair, pair
from strata.mesh.simulate import Detection, FalseAlarm, Figures, Meter, World

_SAME_SECONDS = 0.1  # what is told twice of a link differs by what the answers took
_TOLD_SECONDS = 0.6  # after a stop, within which a member has said what has become of its links: it is asked twice


class Kind(Enum):
    """Of an event."""

    KILLED = auto()
    SERVES = auto()  # again
    STOPPED = auto()
    RESUMED = auto()
    CUT = auto()
    HEALED = auto()
    SAID = auto()
    HELD_DEAD = auto()  # this and the next are made of what was said
    LINKED = auto()
    END = auto()


@dataclass(frozen=True, slots=True)
class Event:
    """at: seconds since the faults began. what: a member or a pair.

    What a member says: its neighbours and whom it holds dead, since when, whom it holds for living, its incarnation.
    Of a death: subject, who is held dead; incarnation: that the subject last told of itself.
    """

    at: float
    kind: Kind
    what: str | Pair = ""
    neighbours: Mapping[str, float] = field(default_factory=dict)
    dead: Mapping[str, float] = field(default_factory=dict)
    living: frozenset[str] = frozenset()
    incarnation: int = 0
    subject: str = ""


def figures_of(
    events: list[Event], network: Network, end: float, slow: frozenset[str], changes: list[tuple[int, int]]
) -> Figures:
    """The figures until `end`; events in the order of their times. slow: members that are stopped again and again."""
    replay = _Replay(network, slow)
    found = [*given_up(events), *events, *deaths(events), *links(events), Event(end, Kind.END)]
    inorder = sorted(found, key=lambda event: event.at)  # of one moment, in the order of the list
    for event in inorder:
        if event.at > end:
            break
        replay.take(event)
    replay.meter.passed(end)
    meter = replay.meter
    return Figures(
        hours=end / 3600,
        node_hours=meter.node_seconds / 3600,
        partitions=meter.partitions,
        uptime=meter.connected_seconds / meter.pair_seconds if meter.pair_seconds else math.nan,
        repairs=tuple(meter.repairs),
        changes=tuple(changes),
        detections=tuple(replay.detections),
        false_alarms=tuple(replay.false_alarms),
    )


def deaths(events: list[Event]) -> Iterator[Event]:
    """When who was first held dead by whom, as those told later; not whom one that started hears of as dead already."""
    living: dict[str, set[str]] = defaultdict(set)
    incarnations: dict[str, int] = {}
    for event in events:
        if event.kind is Kind.KILLED:
            living.pop(str(event.what), None)
        elif event.kind is Kind.SAID:
            observer = str(event.what)
            incarnations[observer] = event.incarnation
            for subject in event.dead.keys() & living[observer]:
                told = incarnations.get(subject, 0)
                yield Event(event.dead[subject], Kind.HELD_DEAD, observer, subject=subject, incarnation=told)
            living[observer] = (living[observer] | event.living) - event.dead.keys()


def links(events: list[Event]) -> Iterator[Event]:
    """When links came up: both ends say so, and the later of the two times counts."""
    said: dict[str, Mapping[str, float]] = {}
    known: dict[Pair, float] = {}
    for event in events:
        if event.kind is Kind.KILLED:
            said.pop(str(event.what), None)
        elif event.kind is Kind.SAID:
            name = str(event.what)
            said[name] = event.neighbours
            for other, since in event.neighbours.items():
                if name in said.get(other, ()):
                    at, ends = max(since, said[other][name]), pair(name, other)
                    if at > known.get(ends, -math.inf) + _SAME_SECONDS:
                        known[ends] = at
                        yield Event(at, Kind.LINKED, ends)


def given_up(events: list[Event]) -> Iterator[Event]:
    """What members had of their links at the moment they went on after a stop: those that they had later and before."""
    for at, event in enumerate(events):
        if event.kind is Kind.RESUMED:
            told = [
                {other for other, since in said.neighbours.items() if since <= event.at}
                for said in takewhile(lambda each, end=event.at + _TOLD_SECONDS: each.at <= end, events[at:])
                if said.kind is Kind.SAID and said.what == event.what
            ]
            if told:
                yield Event(event.at, Kind.SAID, event.what, neighbours=dict.fromkeys(set.intersection(*told), 0.0))


class _Replay:
    """The simulator's world and meter, moved by what was seen."""

    def __init__(self, network: Network, slow: frozenset[str]) -> None:
        self.detections: list[Detection] = []
        self.false_alarms: list[FalseAlarm] = []
        self._slow = slow
        self._world = world = World(network)
        world.there = set(network.links)
        self.meter = Meter(world, 0.0)
        self._killed: dict[str, float] = {}
        self._stopped: dict[str, float] = {}

    def take(self, event: Event) -> None:
        """The next one."""
        world = self._world
        match event.kind, event.what:
            case Kind.KILLED, str(name):
                world.down[name] += 1
                world.stalled.discard(name)
                self._killed[name] = event.at
                self._says(name, ())
            case Kind.SERVES, str(name):
                world.down[name] -= 1
                if world.up(name):
                    self._killed.pop(name, None)
            case Kind.STOPPED, str(name):
                world.stalled.add(name)
                self._stopped[name] = event.at
            case Kind.RESUMED, str(name):
                world.stalled.discard(name)
            case Kind.CUT, (one, other):
                world.cuts[one, other] += 1
            case Kind.HEALED, (one, other):
                world.cuts[one, other] -= 1
            case Kind.LINKED, (one, other):
                if not (world.up(one) and world.up(other)):
                    return
                world.there = {*(world.there or ()), (one, other)}
            case Kind.SAID, str(name):
                if not world.up(name) or not self._says(name, event.neighbours):
                    return
            case Kind.HELD_DEAD, str(name):
                self._note(event.at, name, event.subject, event.incarnation)
                return
        self.meter.changed(event.at)

    def _says(self, name: str, neighbours: Collection[str]) -> bool:
        """A link is there no more where one of its ends does not say so; whether that is news."""
        there = self._world.there or set()
        gone = {ends for ends in there if name in ends and not set(ends) - {name} <= set(neighbours)}
        self._world.there = there - gone
        return bool(gone)

    def _note(self, at: float, observer: str, subject: str, incarnation: int) -> None:
        """As the simulator's `Fleet` does."""
        if (killed := self._killed.get(subject)) is not None:
            self.detections.append(Detection(observer, subject, at - killed))
        elif self._world.path_seconds(observer, subject) is not None:
            slow = observer in self._slow, subject in self._slow
            stalled = at - self._stopped[subject] if subject in self._world.stalled else None
            self.false_alarms.append(FalseAlarm(at, observer, subject, incarnation, *slow, stalled))
