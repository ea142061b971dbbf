"""Connascence and coupling of real packages: how long they take, what is found, and whether counts are grimp's.

Each package is copied aside and read in a process of its own, from nothing and then again, when only what is kept has
to be read. `ours` is all of a first run over all packages: imports, code, the rules of all kinds and coupling, with a
process for each core; `peer` one single-process `ast.parse` pass over the same files, and `limit` that pass spread over
the cores without loss. `seconds_hook` is the whole `strata imports check FILE` on one file of the largest package,
started anew, as a hook before a commit would: the median of five.

`grimp_differences` counts modules whose afferent or efferent coupling is not what grimp has, where both see the module,
without imports of a module by itself, and of compiled modules, which grimp takes for names of their package.
"""

import argparse
import ast
import importlib.util
import json
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any

PACKAGES = ("libcst", "mergekit", "networkx", "prefect", "pydantic", "scipy", "sympy")


def read_here(folder: Path, home: Path) -> dict[str, Any]:
    """One run over one package, in this process."""
    from strata.migration.connascence import code_file, connascence, read_code
    from strata.migration.coupling import coupling
    from strata.migration.imports import analyse, facts_file

    begun = time.perf_counter()
    analysis = analyse(folder, kept=facts_file(home, folder))
    imports = time.perf_counter()
    code = read_code(analysis, kept=code_file(home, folder))
    read = time.perf_counter()
    report = connascence(code)
    found = coupling(code, report)
    ended = time.perf_counter()
    return {
        "files": len(analysis.files),
        "seconds": ended - begun,
        "seconds_imports": imports - begun,
        "seconds_code": read - imports,
        "seconds_rules": ended - read,
        "findings": {kind.value: len(outcome.findings) for kind, outcome in report.outcomes.items()},
        "sites": {kind.value: outcome.eligible for kind, outcome in report.outcomes.items()},
        "weighted": found.cross.weighted,
        "pairs": found.cross.pairs,
        "cycles": found.cross.cycles,
    }


def read_apart(folder: Path, home: Path) -> dict[str, Any]:
    """The same in a new process; the seconds are those inside it."""
    command = [sys.executable, __file__, "--read", str(folder), "--home", str(home)]
    done = subprocess.run(command, capture_output=True, check=True, text=True)
    answer: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return answer


def parse_all(folder: Path) -> float:
    """Seconds of one `ast.parse` pass in one process; trees are dropped at once."""
    begun = time.perf_counter()
    for path in sorted(folder.rglob("*.py")):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(path.read_bytes())
    return time.perf_counter() - begun


def compare_with_grimp(name: str, folder: Path) -> tuple[int, int]:
    """Modules compared, and those whose counts differ."""
    import grimp

    from strata.migration.coupling import module_metrics
    from strata.migration.graph import import_edges
    from strata.migration.imports import How, analyse, resolve
    from strata.migration.project import Kind

    analysis = analyse(folder)
    compiled = {
        (run.name, found.target.name.rpartition(".")[0])
        for path, facts in analysis.files.items()
        for run in analysis.names[path]
        if run.how is How.IMPORT
        for statement in facts.statements
        for found in resolve(statement, run, analysis.modules)
        if found.target is not None and found.target.kind is Kind.EXTENSION
    }
    sys.path.insert(0, str(folder.parent))
    try:
        graph = grimp.build_graph(name, cache_dir=None)
    finally:
        sys.path.pop(0)
    modules = set(graph.modules)
    edges = [edge for edge in import_edges(analysis) if {edge.importer, edge.imported} <= modules]
    known = {(edge.importer, edge.imported) for edge in edges}
    theirs = {(module, end) for module in modules for end in graph.find_modules_directly_imported_by(module)}
    theirs = {pair for pair in theirs if pair[0] != pair[1] and (pair in known or pair not in compiled)}
    inward, outward = Counter(end for _, end in theirs), Counter(start for start, _ in theirs)
    ours = {each.name: (each.afferent, each.efferent) for each in module_metrics(edges, modules, {})}
    return len(modules), sum(ours[module] != (inward[module], outward[module]) for module in modules)


def hook_seconds(folder: Path, home: Path, runs: int = 5) -> float:
    """The median of whole runs of the command on one file."""
    file = next(path for path in sorted(folder.rglob("*.py")) if path.stat().st_size > 5_000)
    command = [sys.executable, "-c", "from strata.cli import main; main()", "imports", "check", str(file)]
    command += ["--tree", str(folder), "--strategy", "relative_preferred", "--json"]
    seconds = []
    for _ in range(runs + 1):
        begun = time.perf_counter()
        done = subprocess.run(command, capture_output=True, check=False, env=os.environ | {"STRATA_HOME": str(home)})
        seconds.append(time.perf_counter() - begun)
        assert done.returncode in (0, 1), done.stderr
    return statistics.median(seconds[1:])  # the first writes what is kept


def main() -> None:
    """Measure all packages and print the result."""
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("packages", nargs="*", default=PACKAGES, help="installed packages")
    options.add_argument("--read", type=Path, help=argparse.SUPPRESS)
    options.add_argument("--home", type=Path, help=argparse.SUPPRESS)
    arguments = options.parse_args()
    if arguments.read:
        print(json.dumps(read_here(arguments.read, arguments.home)))
        return
    rows = []
    with tempfile.TemporaryDirectory() as scratch:
        for name in arguments.packages:
            found = importlib.util.find_spec(name)
            assert found is not None
            assert found.origin is not None
            folder, home = Path(scratch, name), Path(scratch, "home")
            shutil.copytree(Path(found.origin).parent, folder, ignore=shutil.ignore_patterns("__pycache__"))
            peer = parse_all(folder)
            first, again = read_apart(folder, home), read_apart(folder, home)
            assert first["findings"] == again["findings"]
            modules, differences = compare_with_grimp(name, folder)
            row = {"package": name, **first, "seconds_again": again["seconds"], "seconds_parse": peer}
            rows.append(row | {"modules": modules, "grimp_differences": differences})
            parts = ", ".join(f"{part} {first[f'seconds_{part}']:.2f}" for part in ("imports", "code", "rules"))
            print(
                f"{name:10} {first['files']:5} files  first {first['seconds']:6.2f} s ({parts})  "
                f"again {again['seconds']:5.2f} s  ast.parse {peer:5.2f} s"
            )
            print(f"           {first['findings']}; grimp differs in {differences} of {modules} modules")
        largest = max(rows, key=lambda row: row["files"])["package"]
        hook = hook_seconds(Path(scratch, largest), Path(scratch, "hook"))
    ours, peer = sum(row["seconds"] for row in rows), sum(row["seconds_parse"] for row in rows)
    result = {
        "name": "connascence",
        "ours": ours,
        "peer": peer,
        "unit": "s",
        "ratio": peer / ours,
        "limit": peer / (os.cpu_count() or 1),
        "files": sum(row["files"] for row in rows),
        "seconds_again": sum(row["seconds_again"] for row in rows),
        "seconds_hook": hook,
        "hook_on": largest,
        "findings": {kind: sum(row["findings"][kind] for row in rows) for kind in rows[0]["findings"]},
        "grimp_modules": sum(row["modules"] for row in rows),
        "grimp_differences": sum(row["grimp_differences"] for row in rows),
        "packages": rows,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
