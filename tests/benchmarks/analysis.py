"""Reading a project of thousands of files, beside one pass of `ast.parse` over them.

Everything is measured in a process of its own, on a tree of installed packages that the kernel has in memory:

    ours     `analyse` with nothing known, its facts written down, and `import_edges`; a process for each core;
    parse    the peer: `ast.parse` of each file in one process, which lets go of each tree before the next. The cyclic
             garbage collector runs, as in any program; `parse_no_collector` is the same without, the least that a
             single process takes for the syntax trees alone;
    grimp    `grimp.build_graph` without its cache, which finds edges and no places, scopes, guards or strings;
    ruff     `ruff analyze graph`, which does the same in Rust on all cores.

Then ours again with what was kept: nothing changed, one file edited. Processor seconds count all processes. Memory is
the peak of the process that holds the facts, and of a process that parses; beside it the same for a quarter of the
files, so that what grows is seen. `survey` is what the command tells on top: what is broken, and the cycles with a
minimal set of imports to take away.
"""

import argparse
import ast
import gc
import json
import os
import resource
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from support.package_tree import LARGE, copy_packages

AT_LEAST = 3000  # files
SECOND_RUN = 1.0  # s


def parse(root: Path) -> dict:
    """One pass, one tree at a time."""
    paths = sorted(root.rglob("*.py"))
    start = time.perf_counter()
    for path in paths:
        try:
            ast.parse(path.read_bytes())
        except (SyntaxError, ValueError):
            continue
    return {"seconds": time.perf_counter() - start, "cpu_seconds": time.process_time()}


def parse_no_collector(root: Path) -> dict:
    """The same without looking for cycles, of which a tree has none."""
    gc.disable()
    return parse(root)


def ours(root: Path, kept: Path) -> dict:
    """Facts and edges; then what the command tells."""
    from strata.migration.graph import import_edges, survey
    from strata.migration.imports import analyse

    read = [0]

    def progress(done: int, _total: int) -> None:
        read[0] = done

    start = time.perf_counter()
    found = analyse(root, kept=kept, progress=progress)
    analysed = time.perf_counter()
    edges = import_edges(found)
    done = time.perf_counter()
    parents = resource.getrusage(resource.RUSAGE_SELF)
    workers = resource.getrusage(resource.RUSAGE_CHILDREN)
    told = survey(found, kept.with_suffix(".cycles.json"))
    return {
        "seconds": done - start,
        "analyse_seconds": analysed - start,
        "survey_seconds": time.perf_counter() - done,
        "cpu_seconds": parents.ru_utime + parents.ru_stime + workers.ru_utime + workers.ru_stime,
        "mebibytes": parents.ru_maxrss / 1024,
        "worker_mebibytes": workers.ru_maxrss / 1024,
        "read": read[0],
        "files": len(found.files),
        "statements": sum(len(facts.statements) for facts in found.files.values()),
        "edges": len(edges),
        "cycles": len(told.cycles),
        "cycles_minimal": sum(cycle.minimal for cycle in told.cycles),
        "problems": len(found.problems),
    }


def grimp(root: Path) -> dict:
    """Its graph of all packages of the tree."""
    import grimp

    sys.path.insert(0, str(root))
    names = sorted(path.parent.name for path in root.glob("*/__init__.py"))
    start = time.perf_counter()
    graph = grimp.build_graph(*names, cache_dir=None)
    edges = sum(len(graph.find_modules_directly_imported_by(module)) for module in graph.modules)
    return {"seconds": time.perf_counter() - start, "edges": edges}


def ruff(root: Path) -> dict:
    """Its command, by the clock."""
    program = shutil.which("ruff", path=f"{Path(sys.executable).parent}{os.pathsep}{os.environ.get('PATH', '')}")
    if program is None:
        return {"seconds": None}
    start = time.perf_counter()
    subprocess.run([program, "analyze", "graph", "--isolated", str(root)], check=True, capture_output=True)
    return {"seconds": time.perf_counter() - start}


PARTS = {"parse": parse, "parse_no_collector": parse_no_collector, "ours": ours, "grimp": grimp, "ruff": ruff}


def measure(part: str, *arguments: Path) -> dict:
    """Run a part in a process of its own; adds how long all of that took, start and imports included."""
    start = time.perf_counter()
    command = [sys.executable, __file__, "--part", part, *map(str, arguments)]
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE)
    found = json.loads(done.stdout)
    shown = ", ".join(f"{key} {value:.2f}" for key, value in found.items() if isinstance(value, float))
    print(f"{part:18} {shown}", flush=True)
    return found | {"process_seconds": time.perf_counter() - start}


def median(runs: list[dict], key: str = "seconds") -> float:
    """Of one figure over the runs."""
    return statistics.median(run[key] for run in runs)


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", nargs="+", default=list(LARGE), help="installed packages to copy together")
    parser.add_argument("--runs", type=int, default=3, help="of each part")
    parser.add_argument("--part", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.part:
        part, *arguments = options.part
        print(json.dumps(PARTS[part](*map(Path, arguments))))
        return
    with tempfile.TemporaryDirectory() as home:
        root, kept = Path(home, "tree"), Path(home, "kept.json")
        packages = copy_packages(root, options.packages)
        files = sorted(root.rglob("*.py"))
        if len(files) < AT_LEAST:
            raise SystemExit(f"NOT MEASURED: {len(files)} files of {', '.join(packages)}; {AT_LEAST} are wanted")
        size = sum(len(file.read_bytes()) for file in files)  # and the kernel has them in memory
        print(f"{len(files)} files, {size / 1e6:.1f} MB, of {', '.join(packages)}")
        found: dict[str, list[dict]] = {part: [] for part in PARTS}
        for _ in range(options.runs):  # in turn, so that a busy minute hits all
            for file in (kept, kept.with_suffix(".cycles.json")):
                file.unlink(missing_ok=True)
            found["ours"].append(measure("ours", root, kept))
            for part in ("parse", "parse_no_collector", "grimp", "ruff"):
                found[part].append(measure(part, root))
        again = [measure("ours", root, kept) for _ in range(options.runs)]
        with files[len(files) // 2].open("a") as file:
            file.write("\nimport os\n")
        edited = measure("ours", root, kept)
        small = Path(home, "small")
        copy_packages(small, [name for name in packages if name in {"networkx", "libcst", "mergekit"}])
        quarter = measure("ours", small, Path(home, "small.json"))
    ratio = median(found["parse"]) / median(found["ours"])
    first = found["ours"][0]
    report = {
        "name": "analysis",
        "ours": median(found["ours"]),
        "peer": median(found["parse"]),
        "unit": "seconds",
        "ratio": ratio,
        "limit": median(found["parse_no_collector"]) / (os.cpu_count() or 1),
        "limit_name": "ast.parse without the collector, shared out over all cores",
        "peer_name": "one single-process ast.parse pass that holds no trees",
        "required": 1.0,
        "files": len(files),
        "megabytes": size / 1e6,
        "statements": first["statements"],
        "edges": first["edges"],
        "cpu_seconds": median(found["ours"], "cpu_seconds"),
        "peer_cpu_seconds": median(found["parse"], "cpu_seconds"),
        "parse_no_collector_seconds": median(found["parse_no_collector"]),
        "grimp_seconds": median(found["grimp"]),
        "grimp_edges": found["grimp"][0]["edges"],
        "ruff_seconds": None if found["ruff"][0]["seconds"] is None else median(found["ruff"]),
        "survey_seconds": median(found["ours"], "survey_seconds"),
        "cycles": first["cycles"],
        "cycles_proved_minimal": first["cycles_minimal"],
        "second_run_seconds": median(again),
        "second_run_survey_seconds": median(again, "survey_seconds"),
        "second_run_process_seconds": median(again, "process_seconds"),
        "one_edit_seconds": edited["seconds"],
        "one_edit_files_read": edited["read"],
        "peak_mebibytes": first["mebibytes"],
        "peak_worker_mebibytes": first["worker_mebibytes"],
        "small_files": quarter["files"],
        "small_peak_mebibytes": quarter["mebibytes"],
        "small_peak_worker_mebibytes": quarter["worker_mebibytes"],
        "cores": os.cpu_count(),
    }
    print(json.dumps(report))
    if ratio < 1 or report["second_run_seconds"] >= SECOND_RUN or edited["read"] != 1:
        raise SystemExit("slower than is required")


if __name__ == "__main__":
    main()
