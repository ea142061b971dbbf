"""`strata inference memory`: what every node of a mesh holds of its memory, and having one give back what it can."""

import json
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strata.cli.options import Identity

if TYPE_CHECKING:
    from strata.inference import CleanedUp, Coordinator
    from strata.memory import NodeMemory

MIB = 1 << 20


def inference_memory(
    *,
    mesh: Annotated[Path, typer.Option(help="The mesh's membership file.")],
    identity: Identity = None,
    clean: Annotated[
        str | None, typer.Option(metavar="NODE", help="First have this node give back what it does not need.")
    ] = None,
    idle: Annotated[
        float, typer.Option(min=1, max=86400, help="With --clean: seconds after which a session is idle.")
    ] = 60,
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON object instead of a table.")] = False,
) -> None:
    """Show what every node holds of its memory budget, by category.

    weights: of its shard, and of shards that it has loaded in case; cache and workspace: promised to sessions; runtime:
    what else the process holds beyond an empty node. --clean ends sessions that are idle, whoever opened them, drops
    shards that are loaded in case, and gives memory that is free back to the system.
    """
    import trio

    from strata.inference import Place, connected
    from strata.memory import FleetMemory, NodeMemory
    from strata.settings import Settings

    settings = Settings()
    place = Place(mesh, identity or settings.home / "identity.json", settings.home)

    async def look(coordinator: "Coordinator") -> "tuple[CleanedUp | None, list[NodeMemory], dict[str, str]]":
        cleaned = None if clean is None else await coordinator.clean_up(clean, idle)
        statuses = await coordinator.statuses()
        found = [NodeMemory.of(name, status.model_dump()) for name, status in statuses.items()]
        return cleaned, found, {name: str(error) for name, error in coordinator.unreachable.items()}

    cleaned, nodes, unreachable = trio.run(connected, place, look)
    if as_json:
        document: dict[str, Any] = {"nodes": [_document(node) for node in nodes], "unreachable": unreachable}
        document["fleet"] = asdict(FleetMemory.of(nodes))
        if cleaned is not None:
            document["cleaned"] = {"node": clean} | cleaned.model_dump(exclude={"type"})
        typer.echo(json.dumps(document))
        return
    if cleaned is not None:
        typer.echo(_sentence(str(clean), cleaned))
    _show(nodes, unreachable)


def _document(node: "NodeMemory") -> Mapping[str, Any]:
    return asdict(node) | {"used": node.used, "free": node.free, "over": node.over}


def _sentence(name: str, cleaned: "CleanedUp") -> str:
    change = cleaned.resident_before - cleaned.resident_after
    said = f"{name} gave back {_mib(change)}" if change >= 0 else f"{name} holds {_mib(-change)} more"
    dropped = f"{cleaned.sessions} idle sessions ({_mib(cleaned.session_bytes)} promised)"
    return f"{said}; dropped: {dropped}, {cleaned.standbys} standbys ({_mib(cleaned.standby_bytes)})"


def _show(nodes: "list[NodeMemory]", unreachable: Mapping[str, str]) -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table(title="memory in MiB", title_justify="left")
    for column in ("node", "budget", "used", "weights", "cache", "workspace", "runtime", "free", "sessions"):
        table.add_column(column, justify="left" if column == "node" else "right")
    for node in nodes:
        table.add_row(
            node.node,
            *(f"{size / MIB:,.1f}" for size in (node.budget, node.used, *node.categories.values(), node.free)),
            str(node.sessions),
        )
    console = Console(highlight=False, markup=False)
    console.print(table)
    for node in nodes:
        if node.over:
            console.print(f"{node.node} is {_mib(node.over)} over its budget")
        if node.leak:
            console.print(f"{node.node}: {node.leak}")
    for name, why in unreachable.items():
        console.print(f"{name} does not answer: {why}")


def _mib(nbytes: int) -> str:
    return f"{nbytes / MIB:,.1f} MiB"
