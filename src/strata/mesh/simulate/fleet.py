"""The detailed simulation: every node runs the real `Detector`, and their messages travel through the world."""

import math

from strata.mesh.members import Detector, OpenCharter, State, Timing, What
from strata.mesh.simulate.agenda import Agenda
from strata.mesh.simulate.chance import chance
from strata.mesh.simulate.figures import Detection, FalseAlarm
from strata.mesh.simulate.keeping import Keeping
from strata.mesh.simulate.world import World

_SEEDS = 3  # of these a node that starts asks to be taken in
_RETRY_SECONDS = 5.0


class Fleet:
    """Detectors by name. Messages are delayed, jittered and lost as the pair's quality says; lost ones stay lost.

    Links over TCP would send them again, so this is harder on the detector than the real mesh is. moves: who comes back
    has another address. keeping: what is to know what detectors find, and who was heard.
    """

    def __init__(
        self, agenda: Agenda, world: World, seed: int, *, timing: Timing, slow: frozenset[str], moves: bool = True
    ) -> None:
        self.keeping: Keeping | None = None
        self.detections: list[Detection] = []
        self.false_alarms: list[FalseAlarm] = []
        self._agenda = agenda
        self._world = world
        self._seed = seed
        self._timing = timing
        self._slow = slow
        self._moves = moves
        self._random = chance(seed, "messages")
        self._detectors: dict[str, Detector] = {}
        self._wakes: dict[str, float] = {}
        self._starts: dict[str, int] = {}
        self._stalled: dict[str, list[tuple[str, bytes]]] = {}
        self._stalled_at: dict[str, float] = {}
        self._crashed: dict[str, float] = {}
        self._counting = False

    def start(self, name: str) -> None:
        """A node starts, with a new detector."""
        starts = self._starts[name] = self._starts.get(name, 0) + 1
        self._crashed.pop(name, None)
        source = chance(self._seed, "detector", name, str(starts))
        address = f"{name}:{starts if self._moves else 1}"
        self._detectors[name] = Detector(
            name, address, self._agenda.now, source, charter=OpenCharter(), timing=self._timing
        )
        self._join(name, starts)

    def crash(self, name: str) -> None:
        """A node stops without a word."""
        self._crashed[name] = self._agenda.now
        self.stop(name)

    def stop(self, name: str) -> None:
        """The process of a node is no more."""
        self._detectors.pop(name, None)
        self._stalled.pop(name, None)

    def leave(self, name: str) -> None:
        """A node says goodbye. It is up until it has told enough others, which takes a second or two."""
        if (detector := self._detectors.get(name)) is not None:
            detector.leave(self._agenda.now)
            self._after(name)

    def stall(self, name: str, until: float) -> None:
        """A node does nothing until then; what comes in waits."""
        if name in self._detectors and name not in self._stalled:
            self._stalled[name] = []
            self._stalled_at[name] = self._agenda.now
            self._agenda.at(until, self._go_on, name)

    def count_from_now(self) -> None:
        """The mesh has come up; count what is found from now."""
        self._counting = True

    def alive(self, observer: str) -> set[str]:
        """Whom the observer's detector holds alive, or suspect."""
        if (detector := self._detectors.get(observer)) is None:
            return set()
        return {peer for peer, claim in detector.known().items() if claim.state in (State.ALIVE, State.SUSPECT)}

    def _join(self, name: str, starts: int) -> None:
        detector = self._detectors.get(name)
        if detector is None or self._starts[name] != starts or detector.members > 1:
            return
        others = [each for each in self._world.names if each != name]
        detector.join(self._agenda.now, self._random.sample(others, min(_SEEDS, len(others))))
        self._agenda.at(self._agenda.now + _RETRY_SECONDS, self._join, name, starts)
        self._after(name)

    def _wake(self, name: str, time: float) -> None:
        detector = self._detectors.get(name)
        if detector is not None and self._wakes[name] == time and name not in self._stalled:
            detector.tick(time)
            self._after(name)

    def _arrive(self, name: str, sender: str, data: bytes) -> None:
        detector = self._detectors.get(name)
        if detector is None:
            return
        if (waiting := self._stalled.get(name)) is not None:
            waiting.append((sender, data))
            return
        if self.keeping is not None:
            self.keeping.heard(name, sender)
        detector.receive(self._agenda.now, sender, data)
        self._after(name)

    def _go_on(self, name: str) -> None:
        waiting = self._stalled.pop(name, None)
        if waiting is None or (detector := self._detectors.get(name)) is None:
            return
        for sender, data in waiting:
            detector.receive(self._agenda.now, sender, data)
        detector.tick(self._agenda.now)
        self._after(name)

    def _after(self, name: str) -> None:
        detector, now = self._detectors[name], self._agenda.now
        for change in detector.changes():
            if self.keeping is not None:
                self.keeping.noted(name, change.peer, away=change.what in (What.DEAD, What.LEFT))
            if change.what is What.DEAD and self._counting:
                self._note(name, change.peer, change.incarnation)
        for receiver, data in detector.outgoing():
            way = self._world.path_seconds(name, receiver)
            if way is not None and self._random.random() >= way[2]:
                delay = way[0] + abs(self._random.gauss(0.0, way[1]))
                self._agenda.at(now + delay, self._arrive, receiver, name, data)
        wake = max(detector.next_call, now)
        if detector.gone:
            del self._detectors[name]
        elif wake < math.inf and self._wakes.get(name) != wake:
            self._wakes[name] = wake
            self._agenda.at(wake, self._wake, name, wake)

    def _note(self, observer: str, subject: str, incarnation: int) -> None:
        now = self._agenda.now
        if (crashed := self._crashed.get(subject)) is not None:
            self.detections.append(Detection(observer, subject, now - crashed))
        elif subject in self._detectors and self._world.path_seconds(observer, subject) is not None:
            slow = observer in self._slow, subject in self._slow
            stalled = now - self._stalled_at[subject] if subject in self._stalled else None
            self.false_alarms.append(FalseAlarm(now, observer, subject, incarnation, *slow, stalled))
