"""Does evolution need anybody? Twenty generations from the shipped models, in all but the first of which something
breaks, and nobody does anything but start the same command again.

Which generation gets which fault is drawn by the seed; every kind comes several times:
    killed merge worker    SIGKILL of a real worker process of the pool
    corrupt checkpoint     a bit of a stored blob turned over: of a parent, a child, the champion, the search's state
    NaN weights            in a parent's folder; in a child
    full disk              the home is a small file system that is filled to its last byte, and has room again when the
                           process has ended (where nothing can be mounted, a limit on the length of files: see `disk`)
    killed flow            SIGKILL of the whole process in mid-generation: of the rooms', and of `python -m
                           flows.evolution` with its server (`flow` in the list of faults)
    planted regression     a model trained on wrong answers in one domain, promoted past the gate, which the watch must
                           roll back; and one as candidate, with forged search scores, which the gate must refuse

Generations are bred by the rooms (`open_workshop`, the watch, then the flow's steps, in `support/breeding.py`), in a
process that waits at every stage, so that faults strike where they are meant to; those of the two kills of the flow by
the real flow. After each generation the champion's pointer must resolve, all its bytes must verify and it must
come out of its recipe again, bit for bit; the process must have no other child processes than its workers. Whenever no
process works here none may be left, no temporary files, and no blob that anything names may be missing or corrupt.

`ours` and `manual_steps`: what a person would have had to do: a process to be ended, a file to be removed, a champion
to be mended, a command that fails again and again without a fault. Every fault must have become a typed outcome, each
listed with it; else the run fails, as it does where a rollback takes 2 s. Generations are small (`--children`,
`--search-items`, `--gate-items`) for time's sake: it is not their gain that is measured here.
"""

import argparse
import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from support.evolved import Home
from support.faults import Evidence, Fault, Seen, World, faults
from support.small_disk import SmallDisk, small_disk
from support.stopping import stoppable
from support.supervised import END_SECONDS, Breeding, Event, Supervised

ROOT = Path(__file__).parents[2]
SHIPPED = ROOT / "data" / "evolution"
PARENTS = ("coding", "math", "reasoning", "language")
FLOW_KILLS = {"flow, while children are merged": "model", "flow, while children are examined": "scores"}
MOST_STARTS = 4  # of a process for one generation, before somebody would have to look at it
MOST_SECONDS = 2.0  # of a rollback


@dataclass
class Tally:
    """What was found so far. manual: what a person would have had to do, in words."""

    manual: list[str] = field(default_factory=list)
    dangling: list[str] = field(default_factory=list)
    rollbacks: list[float] = field(default_factory=list)
    faults: list[dict[str, Any]] = field(default_factory=list)
    generations: list[dict[str, Any]] = field(default_factory=list)


class Stuck(Exception):
    """Nothing goes on without a person."""


class Bench:
    """The home, and the process that breeds in it, if one does."""

    def __init__(self, arguments: argparse.Namespace, disk: SmallDisk, scratch: Path) -> None:
        self._arguments, self._scratch = arguments, scratch
        self._home, self._disk = Home(disk.folder / "home", scratch / "tmp"), disk
        self._world = World(self._home, disk, scratch, SHIPPED, random.Random(arguments.seed))
        self._life: Breeding | None = None
        self._flow_run: Supervised | None = None
        self._paused = False  # at the end of a generation
        self.tally = Tally()

    def generation(self, number: int, fault: Fault | None) -> None:
        """One generation by the rooms, and what became of its fault."""
        begun = time.monotonic()
        last_incident = max((each.id for each in self._incidents()), default=0)
        if fault is not None and fault.fresh:
            self.rest()
        evidence: Evidence | None = None
        if fault is not None and fault.stage == "start":
            evidence = fault.strike(self._world, self._life, {})
        ends: list[str] = []
        rollbacks: list[dict[str, Any]] = []
        while (event := self._next(ends)) is None or event["at"] != "concluded":
            if event is None:
                continue
            rollbacks += event.get("rollbacks", [])
            self._world.founders = event.get("founders", self._world.founders)
            went = False
            if fault is not None and evidence is None and event["at"] == fault.stage:
                evidence = fault.strike(self._world, self._life, event)
                went = evidence.get("went", False)
                if self._life is not None and self._life.process.returncode is not None:
                    ends.append(f"ended with {self._life.process.returncode}")
                    self._life = None
            if self._life is not None and not went:
                self._life.go()
        rollbacks += event["rollbacks"]
        self._disk.free(self._pids())
        seen = self._seen(number, event, ends, rollbacks, last_incident)
        self._record(number, fault, evidence, seen, time.monotonic() - begun)
        if self._world.extra_parents:
            self.rest()
            self._world.extra_parents.clear()

    def flow_generation(self, number: int, name: str) -> None:
        """One generation by the flow, killed when a child has what the fault waits for, and the same command again."""
        begun = time.monotonic()
        self.rest()
        last_incident = max(each.id for each in self._incidents())
        first = self._flow()
        while first.process.poll() is None and not self._reached(number, FLOW_KILLS[name]):
            time.sleep(0.01)
        evidence: Evidence = {"outlived": first.kill()}
        self._outlived(evidence["outlived"], name)
        again = self._flow()
        assert again.process.stdout is not None
        said = again.process.stdout.read().decode()
        status = again.end()
        ends = [f"the flow was killed with {first.process.returncode}", f"run again it exits with {status}"]
        if status != 0:
            self.tally.manual.append(f"generation {number}: the flow, run again, exits with {status}: {said[-200:]}")
        state = self._home.generations().get(number)
        concluded = {"ending": state, "champion": self._home.champion(), "rebuilt": None}
        seen = self._seen(number, concluded, ends, [], last_incident)
        taken_up = next(fault for fault in faults() if fault.kind == "killed flow")
        fault = Fault("killed flow", name, "", taken_up.strike, taken_up.outcomes)
        self._record(number, fault, evidence, seen, time.monotonic() - begun)
        self._check_at_rest()

    def rest(self) -> None:
        """End the process that breeds, as it ends by itself, and look at what it leaves."""
        if self._life is None:
            return
        status = self._life.stop()
        self._life = None
        if status != 0:
            self.tally.manual.append(f"a process that breeds ended with {status}")
        self._check_at_rest()

    def close(self) -> None:
        """End what runs, whatever it does."""
        for process in (self._life, self._flow_run):
            if process is not None and process.process.returncode is None:
                process.kill()

    def open_incidents(self) -> list[str]:
        """Those that are open."""
        return [f"{each.kind}: {each.detail}" for each in self._incidents() if each.state == "open"]

    def _next(self, ends: list[str]) -> Event | None:
        """What the process says next, started where there is none; None where it has ended, as `ends` tells then."""
        if self._life is None:
            if len(ends) >= MOST_STARTS:
                raise Stuck(f"the process fails again and again: {'; '.join(ends)}")
            self._life = Breeding(self._order(), self._home.environment, self._scratch / "breeding.log")
        elif self._paused:
            self._life.go()
        self._paused = False
        event = self._life.event()
        if event is not None and event["at"] != "failed":
            self._paused = event["at"] == "concluded"
            return event
        status = self._life.end()
        self._life = None
        ends.append(f"{event['error']}: {event['detail']}" if event else f"ended with {status}")
        self._disk.free(())
        return None

    def _order(self) -> dict[str, Any]:
        options = self._arguments
        names = ("children", "search_items", "gate_items", "workers", "seed")
        parents = [str(SHIPPED / name) for name in PARENTS] + self._world.extra_parents
        order = {"home": str(self._home.folder), "parents": parents, "base": str(SHIPPED / "base")}
        return order | {name: getattr(options, name) for name in names}

    def _flow(self) -> Supervised:
        options = self._arguments
        command = [sys.executable, "-m", "flows.evolution", "--json", "--generations", "1"]
        for name in ("children", "search_items", "gate_items", "workers", "seed"):
            command += [f"--{name.replace('_', '-')}", str(getattr(options, name))]
        environment = self._home.environment | {"STRATA_HOME": str(self._home.folder)}
        self._flow_run = Supervised(command, environment, self._scratch / "flow.log", ROOT)
        return self._flow_run

    def _reached(self, number: int, what: str) -> bool:
        return self._home.running() == number and any(child[what] is not None for child in self._home.children(number))

    def _pids(self) -> list[int]:
        life = self._life
        return [] if life is None else [life.process.pid, *(worker.pid for worker in life.workers())]

    def _incidents(self, after: int = 0) -> tuple[Any, ...]:
        return self._home.incidents(after) if self._home.folder.exists() else ()

    def _outlived(self, count: int, whom: str) -> None:
        if count:
            self.tally.manual.append(f"{count} processes outlived {whom}")

    def _seen(
        self, number: int, concluded: Event, ends: list[str], rollbacks: list[dict[str, Any]], last_incident: int
    ) -> Seen:
        history = [(change.digest, change.previous, change.kind) for change in self._home.history()]
        children = self._home.children(number)
        return Seen(self._incidents(last_incident), children, concluded, ends, rollbacks, history)

    def _record(self, number: int, fault: Fault | None, evidence: Evidence | None, seen: Seen, seconds: float) -> None:
        tally, ended = self.tally, seen.concluded
        if (wrong := self._home.dangling()) is not None:
            tally.dangling.append(f"generation {number}: {wrong}")
        if ended["rebuilt"] not in ("Rebuilt", None):  # None: by the flow; the next generation of the rooms tells
            tally.dangling.append(f"generation {number}: the champion cannot be rebuilt: {ended['rebuilt']}")
        if self._life is not None and (others := len(self._life.descendants()) - len(self._life.workers())):
            tally.manual.append(f"generation {number}: {others} processes beside the workers")
        tally.rollbacks += [each["seconds"] for each in seen.rollbacks]
        row = {"generation": number, "ending": ended["ending"], "champion": ended["champion"][:12]}
        row |= {"fitness": ended.get("fitness"), "ends": seen.ends, "seconds": round(seconds, 1)}
        tally.generations.append(row)
        said = f"generation {number}: {ended['ending']}"
        if fault is not None:
            outcomes = [] if evidence is None else fault.outcomes(self._world, evidence, seen)
            what = {"generation": number, "kind": fault.kind, "name": fault.name}
            tally.faults.append(what | {"lost": not outcomes, "outcomes": outcomes})
            said += f"; {fault.kind} ({fault.name}): {'; '.join(outcomes) or 'LOST'}"
        print(f"{time.strftime('%H:%M:%S')} {said} [{seconds:.1f} s]", flush=True)

    def _check_at_rest(self) -> None:
        self.tally.manual += [f"still running: {command}" for command in self._home.strays(END_SECONDS)]
        wrong = self._home.collected()
        if wrong is not None:
            self.tally.manual.append(f"the store is not sound: {wrong}")
        self.tally.manual += [f"left over: {path}" for path in self._home.leftovers()]


def plan(generations: int, seed: int) -> list[Fault | str | None]:
    """What strikes each generation; a text is a kill of the flow. Nothing strikes the first."""
    every: list[Fault | str] = [*faults(), *FLOW_KILLS]
    chance = random.Random(seed)
    chance.shuffle(every)
    while len(every) < generations - 1:
        every.append(chance.choice(faults()))
    return [None, *every[: generations - 1]]


def breed(bench: Bench, faulty: Sequence[Fault | str | None]) -> None:
    """A generation for each fault, or None; ends early where a person would have to come."""
    try:
        for number, fault in enumerate(faulty, start=1):
            if isinstance(fault, str):
                bench.flow_generation(number, fault)
            else:
                bench.generation(number, fault)
        bench.rest()
    except Stuck as error:
        bench.tally.manual.append(str(error))


def main() -> None:
    """Breed, break, and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--generations", type=int, default=20, help="fewer leave out some faults, and fail")
    parser.add_argument("--children", type=int, default=4)
    parser.add_argument("--search-items", type=int, default=40, help="a domain")
    parser.add_argument("--gate-items", type=int, default=400, help="most of a domain on which one candidate is judged")
    parser.add_argument("--workers", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0, help="of faults, recipes and items")
    parser.add_argument("--disk-mb", type=int, default=512, help="size of the file system that is filled")
    parser.add_argument("--only", help="only faults whose kind or name has this in it, for a look at one; fails too")
    arguments = parser.parse_args()
    begun = time.monotonic()
    with (
        stoppable(),
        tempfile.TemporaryDirectory(prefix="strata-unattended-") as folder,
        small_disk(Path(folder) / "disk", arguments.disk_mb) as disk,
    ):
        bench = Bench(arguments, disk, Path(folder))
        faulty = plan(arguments.generations, arguments.seed)
        if arguments.only:
            faulty = [each for each in faulty if each is None or arguments.only in f"{each}"]
        try:
            breed(bench, faulty)
            report = summary(bench, disk, time.monotonic() - begun)
        finally:
            bench.close()
    print(json.dumps(report))
    if not report["met"]:
        raise SystemExit(1)


def summary(bench: Bench, disk: SmallDisk, seconds: float) -> dict[str, Any]:
    """The report."""
    tally = bench.tally
    lost = [fault for fault in tally.faults if fault["lost"]]
    absent = {fault.kind for fault in faults()} - {fault["kind"] for fault in tally.faults}
    slow = [each for each in tally.rollbacks if each >= MOST_SECONDS]
    met = not (tally.manual or tally.dangling or lost or absent or slow)
    return {
        "name": "unattended",
        "ours": len(tally.manual),
        "peer": None,
        "unit": "manual steps",
        "ratio": None,
        "limit": 0,
        "manual_steps": len(tally.manual),
        "manual": tally.manual,
        "dangling": len(tally.dangling),
        "dangled": tally.dangling,
        "faults_injected": len(tally.faults),
        "faults_lost": len(lost),
        "kinds_absent": sorted(absent),
        "rollback_seconds": {
            "median": statistics.median(tally.rollbacks) if tally.rollbacks else None,
            "longest": max(tally.rollbacks, default=None),
            "count": len(tally.rollbacks),
            "goal": MOST_SECONDS,
        },
        "open_incidents": bench.open_incidents(),
        "disk": disk.how,
        "seconds": round(seconds),
        "generations": tally.generations,
        "faults": tally.faults,
        "met": met,
    }


if __name__ == "__main__":
    main()
