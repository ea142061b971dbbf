"""A whole tree of thousands of files migrated, against libcst's codemod command that does the same rewrite.

The tree is made of installed packages, copied side by side. Ours is a process that starts, analyses, finds the names
that each file runs as, rewrites under `relative_preferred`, proves each file and writes it (temporary file, rename).
The peer is `python -m libcst.tool codemod` with a command of ours (`support/codemod.py`) without a formatter, told
which files stay, with the same number of processes. Both must leave the same bytes in every file but those
that the peer says it failed on, which it leaves as they were.

Beside it absolufy-imports with `--never`, put into an environment of its own, if that can be installed; it knows no
processes, and proves nothing. `limit` is one pass that reads and parses every file, divided among the processes.
`core_seconds` say the same of a machine that is busy with other work. `memory` is the peak of the largest process of
ours, for the last package only, which has the largest files, and then for more of them: (files, MiB).
"""

import argparse
import ast
import importlib.util
import json
import os
import re
import resource
import shutil
import subprocess
import sys
import tempfile
import time
import warnings
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from strata.migration.imports import analyse
from strata.migration.rewrite import STRATEGIES, live_names
from strata.migration.verify import rewrite_tree

PACKAGES = ("mergekit", "networkx", "prefect", "sympy")
ABSOLUFY = "absolufy-imports==0.3.1"


def copy(packages: list[str], target: Path) -> Path:
    """The Python files of packages, side by side."""
    for name in packages:
        found = importlib.util.find_spec(name)
        assert found is not None
        assert found.origin is not None
        folder = Path(found.origin).parent
        for file in folder.rglob("*.py"):
            place = target / name / file.relative_to(folder)
            place.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, place)
    return target


def migrate(tree: Path, workers: int) -> dict[str, Any]:
    """Migrate the tree; what was done, and MiB that the largest process of it held at most."""
    begun = time.perf_counter()
    analysis = analyse(tree, workers=workers)
    analysed = time.perf_counter()
    live = live_names(analysis)
    changed, stay = 0, []
    for done in rewrite_tree(analysis, STRATEGIES["relative_preferred"], live, workers=workers):
        if done.change is not None:
            assert done.change.after is not None
            file = tree / done.change.path
            temporary = file.with_name(f".{file.name}")
            temporary.write_bytes(done.change.after)
            temporary.replace(file)
            changed += 1
        elif (
            done.judged.refusals
            or done.judged.following_after < done.judged.eligible
            or all(
                name.package is None for name in live[done.judged.path]
            )  # run by its path alone: nothing to count from
        ):
            stay.append(done.judged.path)
        if done.judged.refusals and done.judged.converted:
            raise SystemExit(f"{done.judged.path} changes in part, which the peer cannot be told")
    return {
        "analysis": analysed - begun,
        "files": len(analysis.files),
        "changed": changed,
        "stay": stay,
        "peak": max(resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
        / 1024,
    }


def run_libcst(tree: Path, stay: list[str], workers: int) -> dict[str, Any]:
    """Seconds of libcst's command and of the cores that it took; the files that it says it failed on."""
    (tree / ".libcst.codemod.yaml").write_text("repo_root: '.'\nblacklist_patterns: []\n")
    staying = tree.parent / "stay.json"
    staying.write_text(json.dumps(stay))
    command = [sys.executable, "-m", "libcst.tool", "codemod", "-x", "support.codemod.RelativePreferred"]
    command += ["--no-format", "--include-generated", "--hide-progress", "--jobs", str(workers), "--stay", str(staying)]
    environment = os.environ | {
        "PYTHONPATH": os.pathsep.join([str(Path(__file__).parent), os.environ.get("PYTHONPATH", "")])
    }
    begun, used = time.perf_counter(), cores_used()
    done = subprocess.run([*command, "."], cwd=tree, env=environment, check=False, capture_output=True, text=True)
    seconds, cores = time.perf_counter() - begun, cores_used() - used
    told = re.findall(r"^Failed to codemod (.+\.py)$", done.stderr, re.MULTILINE)
    failed = sorted(str(Path(name).relative_to(tree)) for name in told)
    if done.returncode and not failed:
        raise SystemExit(f"libcst's command ended with {done.returncode}: {done.stderr[-2000:]}")
    return {"seconds": seconds, "core_seconds": cores, "failed": failed}


def run_absolufy(tree: Path, home: Path) -> dict[str, Any] | None:
    """Seconds of absolufy-imports, and files that no longer parse; None where it cannot be had."""
    environment = home / "absolufy"
    try:
        subprocess.run([sys.executable, "-m", "venv", str(environment)], check=True, capture_output=True, timeout=120)
        install = [str(environment / "bin" / "pip"), "install", "--quiet", "--disable-pip-version-check", ABSOLUFY]
        subprocess.run(install, check=True, capture_output=True, timeout=120)
    except (subprocess.SubprocessError, OSError) as error:
        print(f"skipped: absolufy-imports cannot be installed: {error}", file=sys.stderr)
        return None
    files = sorted(str(file.relative_to(tree)) for file in tree.rglob("*.py"))
    begun = time.perf_counter()
    command = [str(environment / "bin" / "absolufy-imports"), "--never", "--application-directories", ".", *files]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - begun
    return {"seconds": seconds, "exit": done.returncode, "error": done.stderr[-300:]}


def parse_all(files: list[Path]) -> None:
    """Read and parse."""
    for file in files:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            ast.parse(file.read_bytes())


def run_limit(tree: Path, workers: int) -> float:
    """Seconds in which so many processes parse every file once."""
    files = sorted(tree.rglob("*.py"))
    begun = time.perf_counter()
    with ProcessPoolExecutor(workers) as pool:
        list(pool.map(parse_all, [files[start : start + 64] for start in range(0, len(files), 64)]))
    return time.perf_counter() - begun


def run_ours(tree: Path, workers: int) -> dict[str, Any]:
    """What `migrate` says, in a process of its own, with the seconds and the peak memory of that process."""
    command = [sys.executable, __file__, "--migrate", str(tree), "--workers", str(workers)]
    begun, used = time.perf_counter(), cores_used()
    done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found | {"seconds": time.perf_counter() - begun, "core_seconds": cores_used() - used}


def cores_used() -> float:
    """Seconds of a core that ended children of this process took."""
    taken = os.times()
    return taken.children_user + taken.children_system


def digest(tree: Path) -> dict[str, bytes]:
    """Every Python file's bytes, by path."""
    return {str(file.relative_to(tree)): file.read_bytes() for file in tree.rglob("*.py")}


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", nargs="+", default=list(PACKAGES))
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1))
    parser.add_argument("--migrate", type=Path, help="only migrate this tree; print what was done")
    arguments = parser.parse_args()
    if arguments.migrate:
        print(json.dumps(migrate(arguments.migrate, arguments.workers)))
        return
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        ours, theirs, other = (copy(arguments.packages, home / name) for name in ("ours", "libcst", "absolufy"))
        before = digest(ours)
        done = run_ours(ours, arguments.workers)
        print(f"ours {done['seconds']:.1f} s, of which analysis {done['analysis']:.1f}", file=sys.stderr, flush=True)
        limit = run_limit(theirs, arguments.workers)
        peer = run_libcst(theirs, done["stay"], arguments.workers)
        print(f"libcst {peer['seconds']:.1f} s", file=sys.stderr, flush=True)
        absolufy = run_absolufy(other, home)
        growing = [arguments.packages[-count:] for count in range(1, len(arguments.packages) + 1)]
        growth = [run_ours(copy(some, home / f"memory{len(some)}"), arguments.workers) for some in growing]
        our_files, their_files = digest(ours), digest(theirs)
        if absolufy is not None:
            found = digest(other)
            absolufy["changed"] = sum(found[path] != data for path, data in before.items())
            absolufy["same_as_ours"] = sum(found[path] == data for path, data in our_files.items())
        differing = [path for path, data in our_files.items() if their_files[path] != data]
    report = {
        "name": "migration",
        "ours": done["seconds"],
        "peer": peer["seconds"],
        "unit": "seconds a tree",
        "ratio": peer["seconds"] / done["seconds"],
        "limit": limit,
        "peer_name": "libcst's codemod command",
        "files": done["files"],
        "changed": done["changed"],
        "megabytes": sum(map(len, before.values())) / 1e6,
        "differ_from_peer": differing,
        "peer_failed_on": peer["failed"],
        "core_seconds": done["core_seconds"],
        "peer_core_seconds": peer["core_seconds"],
        "ratio_of_core_seconds": peer["core_seconds"] / done["core_seconds"],
        "analysis_seconds": done["analysis"],
        "files_that_stay": len(done["stay"]),
        "memory": [[each["files"], each["peak"]] for each in growth],
        "absolufy": absolufy,
        "workers": arguments.workers,
        "packages": arguments.packages,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
