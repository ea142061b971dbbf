"""Running a simulation: faults, detection, sweeps and counting on one agenda."""

from collections.abc import Callable, Sequence

from strata.mesh.members import LAN, Timing
from strata.mesh.network import Network, Pair
from strata.mesh.simulate.agenda import Agenda
from strata.mesh.simulate.drawn import DrawnDetection
from strata.mesh.simulate.figures import Figures
from strata.mesh.simulate.fleet import Fleet
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
    progress: Progress | None = None,
) -> Figures:
    """Simulate the mesh under the faults described; a sweep hands what it sees to `mender` and applies what it wants.

    detection: None runs a detector in every node, message by message (some hundred node-hours a minute). Given the
    latencies in seconds that such a run measured, they are drawn from instead; weeks can be simulated so. Stalls and
    false alarms exist only in the detailed form.
    """
    run = _Run(scenario, network, mender, seed=seed, detection=detection, timing=timing)
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
    ) -> None:
        self._scenario = scenario
        self._faults = schedule(scenario, network, seed)
        self._world = World(network)
        self._agenda = Agenda(-_WARM_UP_SECONDS)
        self._fleet: Fleet | None = None
        self._drawn = DrawnDetection(self._world, detection or (0.0,), seed)
        if detection is None:
            slow = slow_nodes(scenario, network, seed)
            self._fleet = Fleet(self._agenda, self._world, seed, timing=timing, slow=slow)
            for name in self._world.names:
                self._fleet.start(name)
            self._agenda.run(0.0)
            self._fleet.count_from_now()
        self._agenda.now = 0.0
        self._meter = Meter(self._world, 0.0)
        self._sweeper = Sweeper(
            self._agenda,
            self._world,
            mender,
            seconds=scenario.sweep_seconds,
            alive=self._alive,
            changed=self._changed,
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

    def _alive(self, observer: str) -> set[str]:
        return self._fleet.alive(observer) if self._fleet else self._drawn.alive(observer, self._agenda.now)

    def _changed(self) -> None:
        self._meter.changed(self._agenda.now)

    def _crash(self, fault: Fault) -> None:
        name = str(fault.what)
        if self._world.up(name):
            self._drawn.crashed(name, self._agenda.now)
            if self._fleet is not None:
                self._fleet.crash(name)
        self._stop(name)
        self._agenda.at(fault.ends, self._return, name)

    def _leave(self, fault: Fault) -> None:
        name = str(fault.what)
        if self._fleet is not None:
            self._fleet.leave(name)
        gone = self._agenda.now + _GOODBYE_SECONDS
        self._agenda.at(gone, self._stop, name)
        self._agenda.at(max(fault.ends, gone), self._return, name)

    def _stop(self, name: str) -> None:
        self._world.down[name] += 1
        if self._fleet is not None:
            self._fleet.stop(name)
        self._changed()

    def _return(self, name: str) -> None:
        self._world.down[name] -= 1
        if self._fleet is not None and self._world.up(name):
            self._fleet.start(name)
        self._changed()

    def _stall(self, fault: Fault) -> None:
        if self._fleet is not None:
            self._fleet.stall(str(fault.what), fault.ends)

    def _cut(self, fault: Fault) -> None:
        assert isinstance(fault.what, tuple)
        self._world.cuts[fault.what] += 1
        self._changed()
        self._agenda.at(fault.ends, self._mend_cut, fault.what)

    def _mend_cut(self, ends: Pair) -> None:
        self._world.cuts[ends] -= 1
        self._changed()

    def _split(self, fault: Fault) -> None:
        assert isinstance(fault.what, frozenset)
        self._world.splits.append(fault.what)
        self._changed()
        self._agenda.at(fault.ends, self._heal, fault.what)

    def _heal(self, side: frozenset[str]) -> None:
        self._world.splits.remove(side)
        self._changed()
