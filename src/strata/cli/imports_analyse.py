"""`strata imports analyse`: a project's imports, what is broken already, and the cycles with the way out of them."""

import json
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from strata.cli.imports_reading import Json, Roots, TreeFolder, read_project

if TYPE_CHECKING:
    from strata.migration.graph import Cycle, Survey

_SHOWN = 10  # lines of each kind, unless all are asked for


def analyse(
    tree: TreeFolder = Path(),
    roots: Roots = None,
    show_all: Annotated[bool, typer.Option("--all", help=f"Show every finding, not only the first {_SHOWN}.")] = False,
    as_json: Json = False,
) -> None:
    """Say what a project imports, what is broken already, and which imports to take away so that no cycle is left.

    Nothing is run and nothing is written to the project. An import's cost is the number of names that it takes.
    """
    from strata.migration.graph import survey
    from strata.migration.imports import facts_file
    from strata.settings import Settings

    started = time.monotonic()
    found = survey(read_project(tree, roots), facts_file(Settings().home, tree).with_suffix(".cycles.json"))
    seconds = time.monotonic() - started
    if as_json:
        typer.echo(json.dumps({"tree": str(tree.resolve()), "seconds": seconds} | found.to_json()))
        return
    typer.echo(f"files       {found.files:,}, of them {found.modules:,} modules, in {seconds:.1f} s")
    for lines in _paragraphs(found):
        shown = lines if show_all else lines[:_SHOWN]
        for line in shown:
            typer.echo(line)
        if len(shown) < len(lines):
            typer.echo(f"            ... and {len(lines) - len(shown):,} more, with --all")
    typer.echo(
        f"{len(found.cycles)} cycles, {len(found.broken)} broken imports, {len(found.problems)} files left alone"
    )


def _paragraphs(found: "Survey") -> Iterator[list[str]]:
    yield [f"root        {root.folder or '.'}: {root.why}{_prefix(root.prefix)}" for root in found.roots]
    yield [
        f"imports     {count:>7,} {form} {'from' if origin in _PLACES else 'that are'} {_PLACES.get(origin, origin)}"
        for (origin, form), count in found.imports.items()
    ]
    yield [
        f"            {found.deferred:,} in functions, {found.type_only:,} only for types, {found.tried:,} tried; "
        f"{len(found.edges):,} edges between modules"
    ]
    runs = ", ".join(f"{count:,} by {how}" for how, count in found.runs.items())
    yield [f"run         {runs}"] if runs else []
    yield [f"run         {path} by its path, says {why}" for path, why in found.by_path.items()]
    for cycle in found.cycles:
        yield _cycle(cycle)
    yield [
        f"broken      {each.path}:{each.statement.line}: {each.statement.written}"
        f" ({each.origin}{' ' + each.module if each.module else ''})"
        for each in found.broken
    ]
    yield [f"two files   {name}: {', '.join(paths)}" for name, paths in found.clashes.items()]
    yield [f"two names   {path}: {', '.join(names)}" for path, names in found.twice.items()]
    yield [f"shadows     {path}: {name} of the standard library" for path, name in found.shadowing.items()]
    yield [f"left alone  {each.path}: {each.message}" for each in found.problems]


_PLACES = {"project": "the project", "stdlib": "the standard library", "external": "other packages"}


def _prefix(prefix: str) -> str:
    return f", as {prefix}" if prefix else ""


def _cycle(cycle: "Cycle") -> list[str]:
    sure = "no set costs less" if cycle.minimal else f"no set costs less than {cycle.bound:,}"
    lines = [
        f"cycle       {cycle.kind}, {len(cycle.modules):,} modules ({_some(cycle.modules)}); gone without "
        f"{len(cycle.breaks):,} of its imports, which cost {cycle.cost:,} ({sure}):"
    ]
    for taken in cycle.breaks:
        where = ", ".join(str(edge.line) for edge in taken.edges)
        lines.append(f"            {taken.importer}, line {where}: imports {taken.imported}")
    return lines


def _some(modules: Sequence[str], most: int = 3) -> str:
    return ", ".join(modules[:most]) + (", ..." if len(modules) > most else "")
