"""`strata mesh simulate`: what faults would do to a mesh, and what sweeps would do about them."""

import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.mesh import Figures, Mender, Network, Scenario

_LOUD = "SIMULATED: no machine took part, nothing here was measured on a real mesh"
_ARMS = {"alone": "as it is", "mended": "mended by sweeps", "random": "as many links, random"}


Graph = Annotated[Path | None, typer.Argument(metavar="[GRAPH.json]", help="The mesh; default: a made-up sparse one.")]
Faults = Annotated[Path | None, typer.Option(help="Scenario as JSON; default: a week, each node crashing once a day.")]
Hours = Annotated[float | None, typer.Option(min=0.1, max=1e5, help="To simulate; default: the scenario's.")]


def simulate(
    graph: Graph = None,
    *,
    faults: Faults = None,
    hours: Hours = None,
    nodes: Annotated[int, typer.Option(min=3, max=500, help="Nodes of the made-up mesh.")] = 20,
    seed: Annotated[int, typer.Option(help="The same seed gives the same faults and figures.")] = 0,
    detailed: Annotated[bool, typer.Option("--detailed", help="Only the mended mesh, message by message.")] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")] = False,
) -> None:
    """Simulate a mesh under faults: as it is, mended by a sweep every few minutes, and with as many random links.

    Every node runs the real failure detector in a short simulation; what that measured is drawn from in the long ones.
    With --detailed it runs all the time, which takes about a minute for a hundred node-hours.
    """
    from strata.mesh import sparse_mesh

    scenario = _scenario(faults, hours)
    mesh = sparse_mesh(nodes, seed) if graph is None else _network(graph)
    with _bar() as progress:
        run = _detailed if detailed else _compared
        found, detection = run(scenario, mesh, seed, progress)
    if as_json:
        arms = {name: figures.to_json() for name, figures in found.items()}
        document = {"simulated": True, "seed": seed, "scenario": scenario.to_json(), "detection_seconds": detection}
        typer.echo(json.dumps(document | {"nodes": len(mesh.peers), "links": len(mesh.links), "meshes": arms}))
        return
    _show(scenario, mesh, seed, found, detection)


_Progress = Callable[[str, float, float], None]
_Found = tuple["dict[str, Figures]", dict[str, float] | None]


def _compared(scenario: "Scenario", mesh: "Network", seed: int, progress: _Progress) -> _Found:
    from strata.mesh import RandomLinks, leave_alone, measure_detection, quantiles, simulate_mesh

    latencies = measure_detection(mesh, seed=seed, progress=partial(progress, "measuring detection"))

    def run(arm: str, mender: "Mender") -> "Figures":
        told = partial(progress, _ARMS[arm])
        return simulate_mesh(scenario, mesh, mender, seed=seed, detection=latencies, progress=told)

    alone, mended = run("alone", leave_alone), run("mended", _mender())
    random = run("random", RandomLinks(mended.changes, seed))
    return {"alone": alone, "mended": mended, "random": random}, quantiles(latencies)


def _detailed(scenario: "Scenario", mesh: "Network", seed: int, progress: _Progress) -> _Found:
    from strata.mesh import quantiles, simulate_mesh

    told = partial(progress, "message by message")
    found = simulate_mesh(scenario, mesh, _mender(), seed=seed, progress=told)
    return {"mended": found}, quantiles([each.seconds for each in found.detections])


def _mender() -> "Mender":
    """What the simulated sweeps ask."""
    from strata.mesh import Remembering, propose

    return Remembering(propose)


def _scenario(file: Path | None, hours: float | None) -> "Scenario":
    from strata.mesh import Scenario, Spell

    day = Scenario(168.0, crash=Spell(24, 30), cut=Spell(240, 10))
    scenario = day if file is None else Scenario.from_json(_read(file))
    return scenario if hours is None else replace(scenario, hours=hours)


def _network(file: Path) -> "Network":
    from strata.mesh import Network

    return Network.from_json(_read(file))


def _read(file: Path) -> bytes:
    try:
        return file.read_bytes()
    except OSError as error:
        raise StrataError(f"cannot read {file}: {error.strerror}") from None


@contextmanager
def _bar() -> Iterator[_Progress]:
    """A bar on stderr that takes (what, done, total); only where that is a terminal."""
    from rich.console import Console
    from rich.progress import Progress

    console = Console(stderr=True)
    with Progress(console=console, transient=True, disable=not console.is_terminal) as progress:
        task = progress.add_task("simulating", total=None)
        yield lambda what, done, total: progress.update(task, description=what, completed=done, total=total)


def _show(
    scenario: "Scenario", mesh: "Network", seed: int, found: "dict[str, Figures]", detection: dict[str, float] | None
) -> None:
    from rich.console import Console
    from rich.table import Table

    from strata.mesh import quantiles

    console = Console(highlight=False, soft_wrap=True)
    console.print(_LOUD)
    console.print(f"{len(mesh.peers)} nodes, {len(mesh.links)} links, {scenario.hours:g} hours, seed {seed}")
    table = Table(title="simulated")
    for heading in ("mesh", "partitions", "uptime", "links added", "repair, median", "repair, p95"):
        table.add_column(heading, justify="left" if heading == "mesh" else "right")
    for name, figures in found.items():
        repair = quantiles(figures.repairs)
        table.add_row(
            _ARMS[name],
            str(figures.partitions),
            f"{figures.uptime:.4%}",
            str(figures.added),
            _duration(repair, "median"),
            _duration(repair, "p95"),
        )
    console.print(table)
    median, late = (_duration(detection, which) for which in ("median", "p95"))
    console.print(f"simulated detection: a crash is noticed after {median} (median), {late} (p95)")
    if detailed := [each for each in found.values() if each.detections or each.false_alarms]:
        alarms, healthy = len(detailed[0].false_alarms), detailed[0].alarms_about_healthy
        console.print(f"simulated false alarms: {alarms}, of these {healthy} about nodes that are not slow")


def _duration(spread: dict[str, float] | None, which: str) -> str:
    return "-" if spread is None else f"{spread[which]:.1f} s"
