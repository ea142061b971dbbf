"""`strata mesh status | sweep`: ask the members of a mesh how they are, as a coordinator; probe and mend it."""

import json
from pathlib import Path
from typing import TYPE_CHECKING

import typer

from strata.cli.mesh_reading import Home, Json, Mesh, identity_of, paths

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from strata.mesh import Coordinator
    from strata.rollout import Trial


def status(home: Home = None, mesh: Mesh = None, as_json: Json = False) -> None:
    """Ask every member how it is, as a coordinator; exit 1 if one does not answer.

    From then on this machine knows the ECH configs of all who answer, and can dial them under STRATA_REQUIRE_ECH=true,
    which lets no hello go that does not hide whom it is for.
    """
    import trio

    from strata.mesh import state_rows

    discovery = trio.run(_coordinator(home, mesh).discover)
    rows = state_rows(discovery)
    if as_json:
        typer.echo(json.dumps({"members": rows, "at": discovery.at}))
    else:
        _table(rows)
    if discovery.silent:
        raise typer.Exit(1)


def sweep(home: Home = None, mesh: Mesh = None, as_json: Json = False) -> None:
    """Probe the mesh as a coordinator, mend what is weak, and verify it; LIBP2P_MESH_RELIABILITY=false only looks.

    Exits 1 where members are dead, or the mesh is in parts.
    """
    from strata.mesh import mended_sentences, peer_rows, sweep_once
    from strata.rollout import Part, trial_of
    from strata.settings import Settings

    settings = Settings()
    coordinator = _coordinator(home, mesh, trial_of(Part.TRANSPORT, settings))
    mended = sweep_once(coordinator, settings)
    last = mended.sweeps[-1]
    if as_json:
        typer.echo(json.dumps(mended.figures(coordinator.membership.mesh_id) | {"network": last.network.to_json()}))
    else:
        _table(peer_rows(last))
        for sentence in mended_sentences(mended):
            typer.echo(sentence)
    if last.discovery.dead or len(last.weak.components) > 1:
        raise typer.Exit(1)


def _coordinator(home: Path | None, mesh: Path | None, trial: "Trial | None" = None) -> "Coordinator":
    from strata.mesh import Coordinator

    home, mesh = paths(home, mesh)
    return Coordinator.of_files(identity_of(home), mesh, home, trial)


def _table(rows: "Sequence[Mapping[str, str]]") -> None:
    from rich.console import Console
    from rich.table import Table

    table = Table()
    for heading in rows[0] if rows else ():
        table.add_column(heading)
    for row in rows:
        table.add_row(*row.values())
    Console(highlight=False).print(table)
