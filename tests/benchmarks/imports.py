"""Real packages, copied aside and rewritten under every strategy: is each change harmless, and how much follows then?

Each changed file is checked a second time by code that shares nothing with ours (`support/bindings.py`): it
parses, its imports ask for the same absolute names by `importlib.util.resolve_name` under each live name, its tree is
equal but for module and level of `from` imports, and the text outside of `from` statements is the same. A second run
must change nothing, and `relative_preferred` after `absolute`, under the names of the first analysis, must give what it
gives at once. Then every module of the copy is imported in a fresh process, before and after `relative_preferred`, and
its outcome and what names it has are compared one by one.

`ours` is the share of `from` imports of a package's own modules that are as `relative_preferred` wants them afterwards,
over all packages; `peer` the share before, `limit` all of them. `with_plain` counts `import p.x` too, which has no
relative form and so can never follow. A statement is provably convertible if all live names of its file have the same
package, and no sign says that there are others.
"""

import argparse
import importlib.util
import json
import os
import shutil
import sys
import tempfile
import time
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from support.bindings import bindings, masked, outside, parsed
from support.import_all import import_all

from strata.migration.imports import Analysis, How, RunName, analyse
from strata.migration.rewrite import STRATEGIES, judge_file, live_names, rewrite_file
from strata.migration.verify import Proved, rewrite_tree

PACKAGES = ("mergekit", "networkx", "pandas", "prefect", "scipy", "sqlalchemy", "sympy", "transformers")
DOUBTS = {"stdlib-name", "shadowed", "rebound"}
FIRST = "relative_preferred"


def check_package(name: str, with_imports: bool) -> dict[str, Any]:
    """All figures of one package."""
    found = importlib.util.find_spec(name)
    assert found is not None
    assert found.origin is not None
    begun = time.perf_counter()
    with tempfile.TemporaryDirectory() as home:
        before, after = Path(home, "before"), Path(home, "after")
        for copy in (before, after):
            folder = Path(found.origin).parent
            shutil.copytree(folder, copy / name, ignore=shutil.ignore_patterns("__pycache__"))
            if (libraries := folder.with_name(f"{name}.libs")).is_dir():  # what its compiled modules are linked with
                shutil.copytree(libraries, copy / libraries.name)
        analysis = analyse(before, workers=1)
        live = live_names(analysis)
        report: dict[str, Any] = {"package": name, "files": len(analysis.files), "strategies": {}}
        first: dict[str, bytes] = {}
        for strategy in STRATEGIES:
            figures, changed = rewrite(analysis, live, strategy, after)
            if strategy == FIRST:
                first = changed
                report["imports"] = compare_imports(analysis, before, after) if with_imports else None
            again = analyse(after, workers=1)
            names = live_names(again)
            figures["second_run"] = sum(
                len(judge_file(facts, names[path], again.modules, STRATEGIES[strategy]).converted)
                for path, facts in again.files.items()
            )
            if strategy == "absolute":
                figures["relative_after_it_differs"] = differing(again, live, first, before)
                figures["relative_after_it_differs_read_anew"] = differing(again, names, first, before)
            for path in changed:
                shutil.copy2(before / path, after / path)
            report["strategies"][strategy] = figures
    report["seconds"] = time.perf_counter() - begun
    return report


def rewrite(analysis: Analysis, live: Any, strategy: str, target: Path) -> tuple[dict[str, Any], dict[str, bytes]]:
    """Figures of one strategy, and the bytes of each file that it changed, which are written below `target`."""
    changed: dict[str, bytes] = {}
    counts: Counter[str] = Counter()
    reasons: Counter[str] = Counter()
    for done in rewrite_tree(analysis, STRATEGIES[strategy], live):
        judged = done.judged
        counts["eligible"] += judged.eligible
        counts["following_before"] += judged.following_before
        counts["following_after"] += judged.following_after
        counts["converted"] += len(judged.converted)
        counts["plain"] += judged.plain
        counts["unproved"] += done.refused is not None
        reasons.update(str(refusal.code) for refusal in judged.refusals)
        counts["provable"] += len(judged.converted) + sum(
            refusal.code not in DOUBTS and len({name.package for name in live[judged.path]}) == 1
            for refusal in judged.refusals
            if live[judged.path][0].package is not None
        )
        if done.change is not None:
            counts.update(faults(done, live[judged.path]))
            assert done.change.after is not None
            changed[judged.path] = done.change.after
            (target / judged.path).write_bytes(done.change.after)
    keys = ("unparsed", "changed_bindings", "changed_trees", "changed_outside")
    return {"changed_files": len(changed), **counts, **{k: counts[k] for k in keys}, "refusals": dict(reasons)}, changed


def faults(done: Proved, names: tuple[RunName, ...]) -> Counter[str]:
    """What an independent look finds wrong with one file's change."""
    assert done.change is not None
    assert done.change.before is not None
    assert done.change.after is not None
    try:
        old, new = parsed(done.change.before), parsed(done.change.after)
    except (SyntaxError, ValueError):
        return Counter(unparsed=1)
    packages = {name.package for name in names}
    same = all(list(bindings(old, package)) == list(bindings(new, package)) for package in packages)
    text = outside(done.change.before, old) == outside(done.change.after, new)
    return Counter(changed_bindings=not same, changed_outside=not text, changed_trees=masked(old) != masked(new))


def differing(again: Analysis, names: Any, first: dict[str, bytes], before: Path) -> dict[str, int]:
    """Files that are not what `relative_preferred` gives at once: by blanks beside dots alone, and otherwise."""
    counts = Counter(spacing=0, other=0)
    for path, facts in again.files.items():
        data = (again.tree.root / path).read_bytes()
        now = rewrite_file(data, facts, names[path], again.modules, STRATEGIES[FIRST]).data
        wanted = first.get(path) or (before / path).read_bytes()
        if now != wanted:
            counts[
                "spacing" if masked(parsed(now)) == masked(parsed(wanted)) and same_levels(now, wanted) else "other"
            ] += 1
    return dict(counts)


def same_levels(one: bytes, other: bytes) -> bool:
    """Whether all imports are written alike but for blanks."""
    return list(bindings(parsed(one), "a.b.c.d.e.f.g.h")) == list(bindings(parsed(other), "a.b.c.d.e.f.g.h"))


def compare_imports(analysis: Analysis, before: Path, after: Path) -> dict[str, Any]:
    """Import every module of both copies; what came of each, compared name by name."""
    names = [
        next(name.name for name in analysis.names[path] if name.how is How.IMPORT)
        for path in analysis.files
        if any(name.how is How.IMPORT for name in analysis.names[path]) and not path.endswith("__main__.py")
    ]
    one, other = import_all(before, names), import_all(after, names)
    outcomes = Counter(outcome for outcome, _ in one.values())
    return {
        "modules": len(names),
        "imported_before": outcomes["imported"],
        "imported_after": sum(outcome == "imported" for outcome, _ in other.values()),
        "failed_before": {key: count for key, count in outcomes.items() if key != "imported"},
        "outcome_differs": [name for name in names if one[name][0] != other[name][0]],
        "names_differ": [name for name in names if one[name][0] == other[name][0] and one[name][1] != other[name][1]],
    }


def main() -> None:
    """Check the packages, one line each on stderr; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--packages", nargs="+", default=PACKAGES)
    parser.add_argument("--static", action="store_true", help="import nothing")
    parser.add_argument("--workers", type=int, default=min(2, os.cpu_count() or 1), help="packages at a time")
    arguments = parser.parse_args()
    there = [name for name in arguments.packages if importlib.util.find_spec(name)]
    for name in set(arguments.packages) - set(there):
        print(f"skipped: {name} is not installed", file=sys.stderr)
    reports = []
    with ProcessPoolExecutor(arguments.workers) as pool:
        futures = [pool.submit(check_package, name, not arguments.static) for name in there]
        for future in futures:
            reports.append(future.result())
            print(json.dumps(reports[-1]), file=sys.stderr, flush=True)
    print(json.dumps(summary(reports)))


def shares(figures: dict[str, Any]) -> dict[str, float]:
    """What follows afterwards, of `from` imports and of all, and what followed before."""
    eligible, plain = figures["eligible"], figures.get("plain", 0)
    return {
        "before": figures.get("following_before", 0) / eligible,
        "after": figures["following_after"] / eligible,
        "with_plain": figures["following_after"] / (eligible + plain),
    }


def summary(reports: list[dict[str, Any]]) -> dict[str, Any]:
    """Sums over all packages."""
    by_strategy: dict[str, Any] = {}
    for strategy in STRATEGIES:
        figures = [report["strategies"][strategy] for report in reports]
        total: Counter[str] = Counter()
        reasons: Counter[str] = Counter()
        for each in figures:
            total.update({key: value for key, value in each.items() if isinstance(value, int)})
            reasons.update(each["refusals"])
        by_strategy[strategy] = {
            **total,
            **shares(total),
            "converted_of_provable": total["converted"] / max(1, total["provable"]),
            "refusals": dict(reasons),
        }
    first = by_strategy[FIRST]
    imports = [report["imports"] for report in reports if report["imports"]]
    return {
        "name": "imports",
        "ours": first["after"],
        "peer": first["before"],
        "unit": "share of imports that follow relative_preferred",
        "ratio": first["after"] / first["before"] if first["before"] else None,
        "limit": 1.0,
        "peer_name": "before the rewrite",
        "with_plain": first["with_plain"],
        "by_package": {report["package"]: shares(report["strategies"][FIRST]) for report in reports},
        "files": sum(report["files"] for report in reports),
        "strategies": by_strategy,
        "relative_after_absolute_differs": {
            key: sum(report["strategies"]["absolute"]["relative_after_it_differs"][key] for report in reports)
            for key in ("spacing", "other")
        },
        "modules": sum(each["modules"] for each in imports),
        "imported_before": sum(each["imported_before"] for each in imports),
        "imported_after": sum(each["imported_after"] for each in imports),
        "outcome_differs": [name for each in imports for name in each["outcome_differs"]],
        "names_differ": [name for each in imports for name in each["names_differ"]],
        "seconds": max(report["seconds"] for report in reports),
    }


if __name__ == "__main__":
    main()
