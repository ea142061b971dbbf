"""A mesh of processes under real faults, and what the simulator foretells of it.

Each member is a process on a machine of its own (a network namespace, with a wire to a bridge), or all are on loopback
where namespaces cannot be made; then no links are cut, which is said. The mesh links itself by sweeps. Then for some
minutes members are killed (SIGKILL) and started again, stopped (SIGSTOP) and let go on, and pairs cut from each other,
by the same seeded schedule that the simulator draws, with the rates of data/mesh/faults.json, which were stated before
the first run; they are many times those of real life. Every half second each member is asked how it is, on a connection
that no fault cuts, and the mesh is swept and mended every half minute.

Of that come the same figures as in `resilience.py`, counted by the same code; members that are killed or stopped do
not count as live:

- `uptime`: of ordered pairs of live members, the share of time with a path of links that both ends have
- `partitions`: instants at which two live members lost their last path; repair: until all live ones had paths again
- detection: seconds from a kill, or a stop, until another member held that one dead, of every observer
- false alarms: a member that ran held dead by one that was not cut from it

What changed and changed back between two answers was not seen. Beside them is what the simulator foretells, with the
same faults, members, links and sweeps, as mean and range over its own chance. Two things that it needs were measured
before the faults began: how long processes take to start, and how long sweeps take.

`ours` is the measured uptime and `peer` the foretold one; `ratio` is how many times more of the time pairs are apart in
the simulation; `limit` is what a mesh with every possible link would reach. `p` says how often a run of the simulator
would be as far from the others as what was measured is, for each figure, and `p_of_all` for all of them together.
"""

import argparse
import json
import sys
import tempfile
import time
from collections import Counter
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from itertools import combinations
from pathlib import Path

import trio
from support.foretold import Given, best_possible, compared, foretell, numbers, p_of_all
from support.namespaces import Namespaces, why_no_namespaces
from support.recorded import figures_of
from support.stopping import stoppable
from support.striking import LocalMeshApart
from support.trial import Trial, Trying

from strata.mesh import Network, Peer, Quality, Scenario
from strata.mesh.simulate import Fault, Figures, Kind, schedule, slow_nodes

KINDS = (Kind.CRASH, Kind.STALL, Kind.CUT)
DESCRIPTION = Path(__file__).parents[2] / "data/mesh/faults.json"


@dataclass(frozen=True)
class Description:
    """What is to happen; `uncut`: why no links are cut."""

    nodes: int
    seconds: float
    predictions: int
    seed: int
    scenario: Scenario
    uncut: str = ""

    @property
    def names(self) -> list[str]:
        """Of the members, as `LocalMesh` names them."""
        return [f"node-{number}" for number in range(1, self.nodes + 1)]

    @property
    def drawn(self) -> Network:
        """All members and pairs, which the schedule hangs on."""
        pairs = combinations(sorted(self.names), 2)
        return Network({name: Peer(name) for name in sorted(self.names)}, {}, dict.fromkeys(pairs, Quality(0.001)))

    @property
    def faults(self) -> list[Fault]:
        """The schedule."""
        return schedule(self.scenario, self.drawn, self.seed)

    @property
    def slow(self) -> frozenset[str]:
        """Members that are stopped, again and again."""
        return slow_nodes(self.scenario, self.drawn, self.seed)


def described(options: argparse.Namespace) -> Description:
    """What was stated, but for what the command line says otherwise."""
    stated = json.loads(options.description.read_text())
    minutes = options.minutes or stated["minutes"]
    uncut = "not wanted" if options.loopback else why_no_namespaces()
    scenario = Scenario.from_json(json.dumps({"hours": minutes / 60} | stated["scenario"]))
    return Description(
        nodes=options.nodes or stated["nodes"],
        seconds=minutes * 60,
        predictions=stated["predictions"],
        seed=options.seed,
        scenario=replace(scenario, cut=None) if uncut else scenario,
        uncut=uncut,
    )


def tried(what: Description, say) -> Trial:
    """The processes under the faults; what went wrong midway is among the trial's notes."""
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="strata-faults-")))
        machines = None if what.uncut else stack.enter_context(Namespaces(what.names))
        begun = time.monotonic()
        mesh = stack.enter_context(LocalMeshApart(home, what.names, machines))
        say(f"{what.nodes} members started in {time.monotonic() - begun:.0f} s")
        trying = Trying(
            mesh, machines, what.faults, seconds=what.seconds, sweep_seconds=what.scenario.sweep_minutes * 60, say=say
        )
        try:
            trio.run(trying.run)
        except Exception as error:  # what was measured until then is told nevertheless
            trying.trial.notes.append(f"it ended at second {trying.trial.end:.0f}: {_said(error)}")
        return trying.trial


def result_of(what: Description, trial: Trial, say) -> dict:
    """Figures and prediction, as far as the trial went."""
    faults = [fault for fault in what.faults if fault.begins < trial.end]
    result = {
        "name": "faults",
        "ours": None,
        "peer": None,
        "unit": "uptime of ordered pairs of live members",
        "ratio": None,
        "limit": None,
        "peer_name": "as the simulator foretells it",
        "nodes": what.nodes,
        "seed": what.seed,
        "seconds": trial.end,
        "wanted_seconds": what.seconds,
        "namespaces": not what.uncut,
        "faults": {kind.name.lower(): sum(fault.kind is kind for fault in faults) for kind in KINDS},
        "struck": trial.struck,
        "whole_again_seconds": trial.whole,
        "starting_seconds": trial.starting,
        "sweep_seconds": trial.sweeping,
        "restarts_seconds": trial.restarts,
        "rounds_seconds": trial.rounds,
        "taken_back": trial.reverted,
        "answers": trial.answers,
        "late_answers": trial.late,
        "latest_answer_seconds": trial.worst,
        "not_measured": [*([f"link cuts: {what.uncut}"] if what.uncut else []), *trial.notes],
    }  # fmt: skip
    if trial.network is None or trial.end <= 0:
        return result
    given = Given(
        replace(what.scenario, hours=trial.end / 3600),
        trial.network,
        faults,
        trial.keepers,
        starting=trial.starting,
        sweeping=trial.sweeping,
        dialling=_dialling(trial.network),
    )
    measured = figures_of(trial.events, trial.network, trial.end, what.slow, trial.changes)
    seeds = range(1, what.predictions + 1)

    def progress(done: int) -> None:
        if done % 10 == 0 or done == len(seeds):
            say(f"foretold {done} of {len(seeds)}")

    foretold = foretell(given, seeds, progress)
    of_measured, of_foretold = numbers(measured), [numbers(each) for each in foretold]
    figures = compared(of_measured, of_foretold)
    uptime = figures["uptime"]
    apart = 1 - measured.uptime
    result |= {
        "ours": measured.uptime,
        "peer": uptime["mean"],
        "ratio": (1 - uptime["mean"]) / apart if apart > 0 else None,
        "limit": best_possible(given),
        "compared": figures,
        "p_of_all": p_of_all(of_measured, of_foretold),
        "measured": measured.to_json() | {"simulated": False},
        "noticed": noticed(measured),
        "false_alarms": [asdict(each) for each in measured.false_alarms if each.stalled_seconds is None],
    }
    return result


def noticed(figures: Figures) -> dict[str, int]:
    """How many members held each killed or stopped one dead, over all of its faults."""
    stops = [each.subject for each in figures.false_alarms if each.stalled_seconds is not None]
    return dict(sorted(Counter([*(each.subject for each in figures.detections), *stops]).items()))


def told(result: dict) -> list[str]:
    """For people."""
    lines = [f"NOT MEASURED: {each}" for each in result["not_measured"]]
    if "compared" not in result:
        return [*lines, "NOT MEASURED: any of the figures"]
    lines.append(f"{'':29}{'measured':>12}{'foretold':>12}{'p':>7}   range")
    for name, row in result["compared"].items():
        seen, mean, low, high = (_number(row[each]) for each in ("measured", "mean", "low", "high"))
        lines.append(f"{name:29}{seen:>12}{mean:>12}{_number(row['p'], 2):>7}   {low} to {high}")
    lines.append(f"p of all figures together: {_number(result['p_of_all'], 2)}")
    return lines


def _dialling(network: Network) -> float:
    """A handshake is two round trips on a network, and as much again of the processors."""
    return 4 * max(quality.rtt_seconds for quality in network.links.values())


def _number(value: float | None, digits: int = 5) -> str:
    return "-" if value is None else f"{value:.{digits}g}"


def _said(error: BaseException) -> str:
    while isinstance(error, BaseExceptionGroup):
        error = error.exceptions[0]
    return f"{type(error).__name__}: {error}"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--nodes", type=int, help="other than stated")
    parser.add_argument("--minutes", type=float, help="other than stated; 2 for a quick look")
    parser.add_argument("--seed", type=int, default=1, help="of the faults")
    parser.add_argument("--description", type=Path, default=DESCRIPTION, help="of the faults, as data/mesh/faults.json")
    parser.add_argument("--loopback", action="store_true", help="no namespaces, and so no cuts")
    parser.add_argument("--json", action="store_true", help="nothing but the last line")
    options = parser.parse_args()

    def say(text: str) -> None:
        if not options.json:
            print(text, flush=True)

    with stoppable():
        what = described(options)
        kills, stops, cuts = (sum(fault.kind is kind for fault in what.faults) for kind in KINDS)
        say(f"seed {what.seed}, {what.nodes} members, {what.seconds / 60:g} minutes: {kills} kills, {stops} stops of")
        say(f"{len(what.slow)} members, {cuts} cuts, of {json.dumps(what.scenario.to_json())}")
        if what.uncut:
            say(f"NOT MEASURED: link cuts: {what.uncut}")
        result = result_of(what, tried(what, say), say)
    for line in told(result):
        say(line)
    print(json.dumps(result))
    sys.exit(0 if result["ours"] is not None else 1)


if __name__ == "__main__":
    main()
