"""`strata imports check`: rules for imports and coupling, as a hook before a commit and in CI."""

import json
import os
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from strata.cli.imports_reading import Json, Roots, read_code_of, read_project
from strata.errors import StrataError

if TYPE_CHECKING:
    from strata.migration.check import Checked, Found

_SHOWN = 20  # violations of each rule, unless all are asked for


def check(
    files: Annotated[
        list[Path] | None, typer.Argument(metavar="[FILE]...", help="Judge these files and folders only.")
    ] = None,
    *,
    tree: Annotated[Path, typer.Option(help="The project's folder.")] = Path(),
    roots: Roots = None,
    strategy: Annotated[
        str | None,
        typer.Option(help="relative_preferred, absolute, absolute_across_relative_within; default: as configured."),
    ] = None,
    baseline: Annotated[
        Path | None, typer.Option(help="Violations that are known; default: .strata-imports-baseline.json of the tree.")
    ] = None,
    update_baseline: Annotated[
        bool, typer.Option("--update-baseline", help="Write what is found to the baseline, and pass.")
    ] = False,
    sarif: Annotated[Path | None, typer.Option(help="Write the result to this file, as SARIF 2.1.0.")] = None,
    show_all: Annotated[bool, typer.Option("--all", help=f"Show all, not only {_SHOWN} of a rule.")] = False,
    as_json: Json = False,
) -> None:
    """Say which rules a project's imports break that its baseline does not know. Nothing is run.

    Exit status 0: nothing new. 1: new violations. 2: the check could not be made. `[tool.strata.imports]` of
    pyproject.toml may set strategy, off (names of rules), exclude (patterns of paths), limits (of connascence), tests
    and vendored. A comment `# strata: ignore[rule]` beside a place says that it is meant.
    """
    from dataclasses import replace

    from strata import files as writing
    from strata.migration.check import (
        BASELINE_FILE,
        RULES,
        check,
        read_baseline,
        read_options,
        to_sarif,
        write_baseline,
    )
    from strata.migration.project import read_configuration
    from strata.migration.rewrite import STRATEGIES

    options = read_options(read_configuration(tree), frozenset(RULES))
    if strategy is not None:
        if strategy not in STRATEGIES:
            raise StrataError(f"there is no strategy {strategy!r}; choose from {', '.join(STRATEGIES)}")
        options = replace(options, strategy=strategy)
    place = baseline or tree / BASELINE_FILE
    known = read_baseline(place)
    analysis = read_project(tree, roots)
    wanted = None if not files else _inside(files, analysis.tree.root, list(analysis.files))
    code = read_code_of(analysis, tests=options.tests, vendored=options.vendored)
    checked = check(code, options, known, wanted)
    if update_baseline:
        write_baseline(place, checked.baseline(known, whole=wanted is None))
    if sarif is not None:
        writing.write(sarif, json.dumps(to_sarif(checked), indent=1).encode())
    if as_json:
        typer.echo(json.dumps({"tree": str(analysis.tree.root), "baseline": str(place)} | _document(checked)))
    else:
        _show(checked, None if show_all else _SHOWN)
    if update_baseline:
        typer.echo(f"the baseline {place} now knows all of them", err=as_json)
    elif checked.new:
        raise typer.Exit(1)


def _inside(given: list[Path], root: Path, paths: list[str]) -> set[str]:
    """The project's files among those given, and in folders given. Raises StrataError for one outside of the tree."""
    found = set[str]()
    for each in given:
        place = os.path.relpath(each.resolve(), root).replace(os.sep, "/")
        if place == ".." or place.startswith("../"):
            raise StrataError(f"{each} does not lie in {root}; name the project with --tree")
        if not each.exists():
            raise StrataError(f"there is no {each}")
        found.update(path for path in paths if place in (".", path) or path.startswith(f"{place}/"))
    return found


def _document(checked: "Checked") -> dict[str, Any]:
    from strata.migration.check import State

    return {
        "files": len(checked.judged),
        "counts": {state: checked.count(state) for state in State},
        "rules": {
            name: {"eligible": each.eligible, "violating": each.violating, "compliance": each.share}
            for name, each in checked.compliance.items()
        },
        "violations": [_row(each) for each in checked.found],
        "problems": [asdict(each) for each in checked.problems],
        "gone": [{"path": path, "rule": rule, "message": message} for path, rule, message in checked.gone],
    }


def _row(found: "Found") -> dict[str, Any]:
    each = found.violation
    row = {"rule": each.rule, "path": each.path, "line": each.line, "message": each.message}
    return row | {"state": found.state, "fingerprint": found.fingerprint, "excuse": each.excuse}


def _show(checked: "Checked", most: int | None) -> None:
    from collections import Counter

    from rich.console import Console
    from rich.table import Table

    from strata.migration.check import State

    console = Console(highlight=False, soft_wrap=True)
    shown = Counter[str]()
    for found in checked.new:
        each = found.violation
        shown[each.rule] += 1
        if most is None or shown[each.rule] <= most:
            console.print(f"{each.path}:{each.line}: {each.rule}: {each.message}", markup=False)
    for rule, count in shown.items():
        if most is not None and count > most:
            console.print(f"... and {count - most} more of {rule}, with --all")
    table = Table()
    for heading in ("rule", "sites", "new", "known", "ignored", "excused", "compliance"):
        table.add_column(heading, justify="left" if heading == "rule" else "right")
    for name, share in sorted(checked.compliance.items(), key=lambda each: each[1].share):
        states = Counter(found.state for found in checked.found if found.violation.rule == name)
        counts = [str(states[state] or "") for state in (State.NEW, State.KNOWN, State.SUPPRESSED, State.EXCUSED)]
        table.add_row(name, str(share.eligible), *counts, f"{share.share:.1%}" if share.eligible else "")
    console.print(table)
    for problem in checked.problems[:most]:
        console.print(f"{problem.path}: not judged: {problem.message}", markup=False)
    if checked.gone:
        console.print(f"{len(checked.gone)} violations of the baseline are gone; --update-baseline forgets them")
    console.print(f"{_counted(len(checked.new), 'new violation')} in {_counted(len(checked.judged), 'file')}")


def _counted(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
