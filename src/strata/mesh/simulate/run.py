"""Running a simulation: faults, detection, sweeps and counting on one agenda."""

from collections.abc import Callable, Collection, Sequence

from strata.mesh.members import LAN, Timing
from strata.mesh.network import Network, Pair
from strata.mesh.simulate.agenda import Agenda
from strata.mesh.simulate.drawn import DrawnDetection
from strata.mesh.simulate.figures import Figures
from strata.mesh.simulate.fleet import Fleet
from strata.mesh.simulate.keeping import Keeping, Processes
from strata.mesh.simulate.meter import Meter
from strata.mesh.simulate.scenario import Scenario
from strata.mesh.simulate.schedule import Fault, Kind, schedule, slow_nodes
from strata.mesh.simulate.sweeping import Mender, Sweeper
from strata.mesh.simulate.world import World

_WARM_UP_SECONDS = 60.0  # before the first fault, for the detectors to find each other
_GOODBYE_SECONDS = 5.0  # from a goodbye until the process ends

Progress = Callable[[float, float], None]  # hours done, hours in all


def simulate_mesh(
    scenario: Scenario,
    network: Network,
    mender: Mender,
    *,
    seed: int,
    detection: Sequence[float] | None = None,
    timing: Timing = LAN,
    faults: Sequence[Fault] | None = None,
    processes: Processes | None = None,
    progress: Progress | None = None,
) -> Figures:
    """Simulate the mesh under the faults described; a sweep hands what it sees to `mender` and applies what it wants.

    detection: None runs a detector in every node, message by message (some hundred node-hours a minute). Given the
    latencies in seconds that such a run measured, they are drawn from instead; weeks can be simulated so. Stalls and
    false alarms exist only in the detailed form. faults: those that happen; None draws them from the scenario, by the
    seed. processes: None has told links be there at once, and a node sweep by whom its detector holds alive; else links
    come and go as agents keep them, detectors speak over straight connections only, and somebody outside the mesh
    sweeps, by who answers.
    """
    run = _Run(
        scenario, network, mender, seed=seed, detection=detection, timing=timing, faults=faults, processes=processes
    )
    return run.go(progress or (lambda done, total: None))


class _Run:
    """World, detection, meter and sweeper of one run."""

    def __init__(
        self,
        scenario: Scenario,
        network: Network,
        mender: Mender,
        *,
        seed: int,
        detection: Sequence[float] | None,
        timing: Timing,
        faults: Sequence[Fault] | None,
        processes: Processes | None,
    ) -> None:
        self._scenario = scenario
        self._faults = schedule(scenario, network, seed) if faults is None else faults
        self._world = World(network)
        self._world.relays = processes is None
        self._agenda = Agenda(-_WARM_UP_SECONDS)
        self._fleet: Fleet | None = None
        self._drawn = DrawnDetection(self._world, detection or (0.0,), seed)
        if detection is None:
            stalling = frozenset(str(each.what) for each in self._faults if each.kind is Kind.STALL)
            slow = slow_nodes(scenario, network, seed) if faults is None else stalling
            self._fleet = Fleet(self._agenda, self._world, seed, timing=timing, slow=slow, moves=processes is None)
            for name in self._world.names:
                self._fleet.start(name)
            self._agenda.run(0.0)
            self._fleet.count_from_now()
        self._agenda.now = 0.0
        self._starting = processes.starting if processes else 0.0
        self._keeping = Keeping(self._agenda, self._world, seed, processes, self._changed) if processes else None
        if self._fleet is not None:
            self._fleet.keeping = self._keeping
        self._meter = Meter(self._world, 0.0)
        self._sweeper = Sweeper(
            self._agenda,
            self._world,
            mender,
            seconds=scenario.sweep_seconds,
            waits=lambda: self._keeping.sweep_waits if self._keeping else 0.0,
            seen=self._seen,
            told=self._told,
        )

    def go(self, progress: Progress) -> Figures:
        """Run it to the end."""
        begin = {Kind.CRASH: self._crash, Kind.LEAVE: self._leave, Kind.CUT: self._cut, Kind.SPLIT: self._split}
        for fault in self._faults:
            self._agenda.at(fault.begins, begin.get(fault.kind, self._stall), fault)
        end, step = self._scenario.hours * 3600, self._scenario.sweep_minutes * 60
        time = step
        while time < end:
            self._agenda.run(time)
            self._sweeper.sweep()
            progress(time / 3600, self._scenario.hours)
            time += step
        self._agenda.run(end)
        self._meter.passed(end)
        meter, fleet = self._meter, self._fleet
        return Figures(
            hours=self._scenario.hours,
            node_hours=meter.node_seconds / 3600,
            partitions=meter.partitions,
            uptime=meter.connected_seconds / meter.pair_seconds if meter.pair_seconds else 1.0,
            repairs=tuple(meter.repairs),
            changes=tuple(self._sweeper.changes),
            detections=tuple(fleet.detections) if fleet else (),
            false_alarms=tuple(fleet.false_alarms) if fleet else (),
        )

    def _seen(self) -> Collection[str]:
        running = [name for name in self._world.names if self._world.runs(name)]
        if self._keeping is not None or not running:
            return running
        by, *_ = running
        alive = self._fleet.alive(by) if self._fleet else self._drawn.alive(by, self._agenda.now)
        return {by, *alive}

    def _told(self, added: set[Pair], dropped: set[Pair]) -> None:
        if self._keeping is not None:
            self._keeping.told(added, dropped)
        self._changed()

    def _changed(self) -> None:
        self._meter.changed(self._agenda.now)

    def _crash(self, fault: Fault) -> None:
        name = str(fault.what)
        if self._world.up(name):
            self._drawn.crashed(name, self._agenda.now)
            if self._fleet is not None:
                self._fleet.crash(name)
        self._stop(name)
        self._agenda.at(fault.ends + self._starting, self._return, name)

    def _leave(self, fault: Fault) -> None:
        name = str(fault.what)
        if self._fleet is not None:
            self._fleet.leave(name)
        gone = self._agenda.now + _GOODBYE_SECONDS
        self._agenda.at(gone, self._stop, name)
        self._agenda.at(max(fault.ends, gone) + self._starting, self._return, name)

    def _stop(self, name: str) -> None:
        self._world.down[name] += 1
        self._world.stalled.discard(name)
        if self._fleet is not None:
            self._fleet.stop(name)
        if self._keeping is not None:
            self._keeping.crashed(name)
        self._changed()

    def _return(self, name: str) -> None:
        self._world.down[name] -= 1
        if self._world.up(name):
            if self._fleet is not None:
                self._fleet.start(name)
            if self._keeping is not None:
                self._keeping.started(name)
        self._changed()

    def _stall(self, fault: Fault) -> None:
        name = str(fault.what)
        if self._fleet is None or not self._world.runs(name):
            return
        self._fleet.stall(name, fault.ends)
        self._world.stalled.add(name)
        if self._keeping is not None:
            self._keeping.stalled(name)
        self._agenda.at(fault.ends, self._resume, name)
        self._changed()

    def _resume(self, name: str) -> None:
        if name not in self._world.stalled:  # it has crashed meanwhile
            return
        self._world.stalled.discard(name)
        if self._keeping is not None:
            self._keeping.resumed(name)
        self._changed()

    def _cut(self, fault: Fault) -> None:
        assert isinstance(fault.what, tuple)
        self._world.cuts[fault.what] += 1
        if self._keeping is not None:
            self._keeping.cut(fault.what)
        self._changed()
        self._agenda.at(fault.ends, self._mend_cut, fault.what)

    def _mend_cut(self, ends: Pair) -> None:
        self._world.cuts[ends] -= 1
        if self._keeping is not None:
            self._keeping.healed(ends)
        self._changed()

    def _split(self, fault: Fault) -> None:
        assert isinstance(fault.what, frozenset)
        self._world.splits.append(fault.what)
        self._changed()
        self._agenda.at(fault.ends, self._heal, fault.what)

    def _heal(self, side: frozenset[str]) -> None:
        self._world.splits.remove(side)
        self._changed()
