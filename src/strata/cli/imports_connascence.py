"""`strata imports connascence`: where code must agree with other code."""

import json
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strata.cli.imports_reading import Json, Roots, Tests, TreeFolder, Vendored, read_code
from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.migration.connascence import Finding, Report

_SHOWN = 20


def connascence(
    tree: TreeFolder = Path(),
    *,
    roots: Roots = None,
    kinds: Annotated[list[str] | None, typer.Option("--kind", help="Only this kind; repeatable.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help=f"Show every finding, not only the first {_SHOWN}.")] = False,
    tests: Tests = False,
    vendored: Vendored = False,
    as_json: Json = False,
) -> None:
    """Say where code must agree with other code, by which kind of connascence, the heaviest first. Nothing is run.

    Strength is the place in the order of kinds, 1 for name to 8 for identity; the degree is how many elements must
    agree; the weight is strength x (1 + log degree). Locality: the same module, the same package, or across packages.
    """
    from strata.migration.connascence import Kind
    from strata.migration.connascence import connascence as applied

    for kind in kinds or ():
        if kind not in tuple(Kind):
            raise StrataError(f"there is no kind {kind!r}; choose from {', '.join(Kind)}")
    code = read_code(tree, roots, tests=tests, vendored=vendored)
    report = applied(code, [Kind(kind) for kind in kinds] if kinds else tuple(Kind))
    if as_json:
        document = {
            "tree": str(tree.resolve()),
            "kinds": {
                kind: {"strength": kind.strength, "findings": len(outcome.findings), "eligible": outcome.eligible}
                for kind, outcome in report.outcomes.items()
            },
            "findings": [_row(each) for each in report.findings],
        }
        typer.echo(json.dumps(document))
        return
    _show(report, None if show_all else _SHOWN)


def _row(each: "Finding") -> dict[str, Any]:
    return asdict(each) | {"kind": each.kind, "strength": each.kind.strength, "weight": each.weight}


def _show(report: "Report", most: int | None) -> None:
    from rich.console import Console
    from rich.table import Table

    console = Console(highlight=False, soft_wrap=True)
    table = Table()
    for heading in ("kind", "strength", "findings", "sites", "module", "package", "across", "degree"):
        table.add_column(heading, justify="left" if heading == "kind" else "right")
    for kind, outcome in reversed(list(report.outcomes.items())):
        where = [each.locality.value for each in outcome.findings]
        places = [str(where.count(name)) for name in ("module", "package", "across")]
        degree = sum(each.degree for each in outcome.findings)
        table.add_row(
            kind, str(kind.strength), str(len(where)), str(outcome.eligible), *places, str(degree) if degree else ""
        )
    findings = report.findings
    for each in findings[:most]:
        console.print(
            f"{each.place.path}:{each.place.line}: {each.kind} ({each.locality}) {each.message}", markup=False
        )
    if most is not None and len(findings) > most:
        console.print(f"... and {len(findings) - most} more, with --all")
    console.print(table)
