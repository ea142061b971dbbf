"""`strata imports coupling`: how much modules and packages know of each other."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strata.cli.imports_reading import Json, Roots, Tests, TreeFolder, Vendored, read_code

if TYPE_CHECKING:
    from strata.migration.coupling import Coupling, Martin

_SHOWN = 10  # rows of each table, unless all are asked for


def coupling(
    tree: TreeFolder = Path(),
    *,
    roots: Roots = None,
    show_all: Annotated[bool, typer.Option("--all", help=f"Show every row, not only the worst {_SHOWN}.")] = False,
    by_module: Annotated[bool, typer.Option("--modules", help="Show modules too, not only packages.")] = False,
    tests: Tests = False,
    vendored: Vendored = False,
    as_json: Json = False,
) -> None:
    """Say how much modules and packages know of each other, the worst first. Nothing is run.

    Cross-package coupling sums, over pairs of modules in different packages, the strength of the connascence between
    them x steps in the package tree x (1 + log degree). Ca: modules outside that import one inside; Ce: modules inside
    that import one outside; I = Ce / (Ca + Ce); A: share of abstract classes; D = |A + I - 1| (Martin 1994).
    """
    from strata.migration.connascence import connascence
    from strata.migration.coupling import coupling as measured

    code = read_code(tree, roots, tests=tests, vendored=vendored)
    found = measured(code, connascence(code))
    if as_json:
        typer.echo(json.dumps({"tree": str(tree.resolve())} | _document(found)))
        return
    _show(found, None if show_all else _SHOWN, by_module=by_module)


def _document(found: "Coupling") -> dict[str, Any]:
    return {
        "cross_package": asdict(found.cross) | {"type_only": found.type_only},
        "package_pairs": [asdict(each) for each in found.heaviest],
        "cycles": found.cycles,
        "shims": found.shims,
        "packages": [_martin(each) for each in found.packages],
        "modules": [_martin(each) for each in found.modules],
    }


def _martin(each: "Martin") -> dict[str, Any]:
    derived = {"instability": each.instability, "abstractness": each.abstractness, "distance": each.distance}
    return asdict(each) | derived


def _show(found: "Coupling", most: int | None, *, by_module: bool) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    groups = {"packages": found.packages, "modules": found.modules} if by_module else {"packages": found.packages}
    for title, group in groups.items():
        table = Table(title=title)
        for heading in ("name", "modules", "Ca", "Ce", "I", "A", "D", "classes"):
            table.add_column(heading, justify="left" if heading == "name" else "right", no_wrap=heading == "name")
        worst = sorted(group, key=lambda each: (-(each.distance or 0.0), -each.afferent - each.efferent, each.name))
        for each in worst[:most]:
            numbers = [_number(value) for value in (each.instability, each.abstractness, each.distance)]
            counts = [str(count) for count in (each.modules, each.afferent, each.efferent)]
            table.add_row(each.name or "(top)", *counts, *numbers, str(each.classes.all))
        console.print(table)
        _left(console.print, len(group), most)
    table = Table(title="what packages know of each other")
    for heading in ("package", "imports from", "coupling", "pairs"):
        table.add_column(heading, justify="left" if heading in ("package", "imports from") else "right")
    for pair in found.heaviest[:most]:
        table.add_row(pair.importer or "(top)", pair.imported or "(top)", f"{pair.weighted:.1f}", str(pair.pairs))
    console.print(table)
    _left(console.print, len(found.heaviest), most)
    for cycle in found.cycles:
        console.print(f"cycle       {len(cycle)} packages: {', '.join(cycle[:6])}{', ...' if len(cycle) > 6 else ''}")
    cross = found.cross
    shims = f"; {len(found.shims)} shims, {cross.shim_pairs} pairs of theirs apart" if found.shims else ""
    console.print(
        f"cross-package coupling {cross.weighted:.1f}: {cross.pairs} pairs of modules ({found.type_only} only for "
        f"types) in {cross.package_pairs} pairs of packages, {cross.packages_in_cycles} packages in {cross.cycles} "
        f"cycle{'' if cross.cycles == 1 else 's'}{shims}"
    )


def _number(value: float | None) -> str:
    return "" if value is None else f"{value:.2f}"


def _left(echo: Any, count: int, most: int | None) -> None:
    if most is not None and count > most:
        echo(f"... and {count - most} more, with --all")
