"""By how much moving modules lowers the coupling across packages, on real installed packages; and a plan carried out.

Every pair (importer, imported) of modules in different packages counts one. Limits: at most 20% of the modules move,
`__init__`, `__main__` and conftest stay, no package gets larger than 1.5 times the largest, pairs of packages and
packages in cycles do not get more, no module goes where its name is taken. For each package of modules:

- `gross`: share of the pairs that are gone; `net`: with one pair more for the shim of each move, moves being chosen so
- `grow 1/4`: no package may grow by more than a quarter; `rename`: names may be taken, and the module gets another
- `random`: as many moves at random within the limits, mean of 20 draws; below zero is worse than before
- `Louvain*`: of the moves that lead to Louvain's communities (Blondel et al. 2008, by networkx) those that gain most,
  within the same limits; `Louvain`: all of them, whatever the limits, with the share of modules that it moves

`ours` and `peer` are the medians of `gross` and of the better one of the two peers within the limits; `limit` is 1,
which one package for everything would reach. `plans`: what a plan reaches whose every step is proved, of code without
tests, and of no module that knows its own place.

Then the plan of libcst is carried out on a copy: every file proved, every module imported in fresh processes before and
after each move, and its own tests run before and after.
"""

import argparse
import importlib.util
import json
import random
import shlex
import statistics
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

import networkx

from strata.migration.coupling import pair_weights
from strata.migration.dynamic import Limits as RunLimits
from strata.migration.dynamic import copy_aside
from strata.migration.graph import import_edges, package_of
from strata.migration.imports import analyse
from strata.migration.refactor import Demands, Layout, Limits, carry_out, optimise, plan_moves
from strata.migration.refactor.arrangement import Arrangement
from strata.store import Store

PACKAGES = (
    "mergekit", "pydantic", "libcst", "networkx", "sympy", "scipy", "prefect", "sqlalchemy", "huggingface_hub",
    "pandas", "datasets",
)  # fmt: skip
REQUIRED = {"mergekit": 0.3, "pydantic": 0.3, "libcst": 0.3}
FIXED = {"__init__.py", "__main__.py", "conftest.py"}
DRAWS = 20
# The tests of libcst that take minutes, and those that generate code with a formatter. One needs what is not installed.
SLOW = ("roundtrip", "type_inference", "codegen")


def folder_of(name):
    """Where an installed package lies; None where it is not installed."""
    found = importlib.util.find_spec(name)
    return Path(found.submodule_search_locations[0]) if found and found.submodule_search_locations else None


def layout_of(analysis):
    """Every module, tests included; only what the limits above say is fixed."""
    path_of = {name: path for path, name in analysis.modules.by_path().items()}
    package = {name: package_of(name, is_package=path.endswith("__init__.py")) for name, path in path_of.items()}
    fixed = frozenset(name for name, path in path_of.items() if path.rpartition("/")[2] in FIXED)
    return Layout(package, pair_weights(import_edges(analysis)), fixed)


def share(layout, moves):
    """The share of pairs across packages that these moves take away."""
    return 1 - layout.measure(moves).pairs / layout.measure().pairs


def random_moves(layout, count, seed):
    """As many moves at random, each within the limits."""
    choice, found = random.Random(seed), Arrangement(layout, Limits(moved=1.0))
    for _ in range(50 * count):
        if len(found.away) == count:
            break
        module, to = choice.choice(found.movable), choice.randrange(len(found.packages))
        if found.place[module] == found.home[module] and found.may(module, to):
            found.put(module, to)  # pairs of packages and cycles may get more: nobody would find any otherwise
    return share(layout, found.moves())


def louvain(layout):
    """(share gone, modules moved) with communities as packages, and the share gone by the best of its moves alone."""
    graph = networkx.Graph()
    graph.add_nodes_from(sorted(layout.package))
    for importer, imported in sorted(layout.weights):
        near = graph.get_edge_data(importer, imported, {"weight": 0})["weight"]
        graph.add_edge(importer, imported, weight=near + 1)
    communities = networkx.community.louvain_communities(graph, seed=0)
    target, crossing = {}, dict.fromkeys(layout.package)
    for number, members in enumerate(communities):
        counts = {}
        for module in sorted(members):
            counts[layout.package[module]] = counts.get(layout.package[module], 0) + 1
            crossing[module] = number
        home = max(counts, key=counts.get)
        target |= dict.fromkeys(members, home)
    cut = sum(crossing[one] != crossing[other] for one, other in layout.weights)
    moved = sum(target[module] != package for module, package in layout.package.items())
    found = Arrangement(layout, Limits())
    wanted = {at: found.packages.index(target[found.modules[at]]) for at in found.movable}
    refused = set()
    while True:
        gains = [(found.gain(at, to), at) for at, to in wanted.items() if at not in refused and found.may(at, to)]
        gain, at = max(gains, default=(0, 0))
        if gain <= 0:
            break
        if not found.move(at, wanted[at]):
            refused.add(at)
    return 1 - cut / layout.measure().pairs, moved / len(layout.package), share(layout, found.moves())


def reach(name, effort):
    """A row of figures for one package."""
    layout = layout_of(analyse(folder_of(name), workers=1))
    begun = time.process_time()
    gross = optimise(layout, effort=effort)
    seconds = time.process_time() - begun
    net = optimise(layout, Limits(price=1), effort=effort)
    grown = optimise(layout, Limits(growth=0.25), effort=effort)
    renamed = optimise(layout, Limits(renames=True), effort=effort)
    draws = [random_moves(layout, len(gross.moves), seed) for seed in range(DRAWS)]
    bound, shifted, limited = louvain(layout)
    for each in (gross, net, grown, renamed):
        assert each.after.package_pairs <= each.before.package_pairs
        assert each.after.packages_in_cycles <= each.before.packages_in_cycles
    return {
        "modules": len(layout.package),
        "pairs": gross.before.pairs,
        "moves": len(gross.moves),
        "gross": gross.reached,
        "net": max(net.reached_net, gross.reached_net),
        "gross_growth": grown.reached,
        "gross_renames": renamed.reached,
        "package_pairs": [gross.before.package_pairs, gross.after.package_pairs],
        "in_cycles": [gross.before.packages_in_cycles, gross.after.packages_in_cycles],
        "random": statistics.fmean(draws),
        "louvain": bound,
        "louvain_moved": shifted,
        "louvain_limited": limited,
        "seconds": seconds,
    }


def proved_plan(name):
    """What a plan reaches whose steps are all proved."""
    begun = time.process_time()
    plan = plan_moves(analyse(folder_of(name), workers=1))
    print(
        f"{name}: {len(plan.steps)} proved moves of code without tests take away {plan.reached:.0%} of "
        f"{plan.before.pairs} pairs, {plan.reached_net:.0%} net of shims ({time.process_time() - begun:.0f} s)"
    )
    return {"moves": len(plan.steps), "pairs": plan.before.pairs, "gross": plan.reached, "net": plan.reached_net}


def carried_out(name, most):
    """Carry out the plan of a package on a copy, with its own tests before and after."""
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        tree = home / "tree"
        tree.mkdir()
        copy_aside(folder_of(name), tree)
        (tree / "conftest.py").write_text("")  # pytest looks no further up
        plan = plan_moves(analyse(tree, workers=1))
        plan = replace(plan, steps=plan.steps[:most] if most else plan.steps)
        chosen = " and ".join(f"not {word}" for word in SLOW)
        pytest = [
            sys.executable,
            "-m",
            "pytest",
            "-q",
            name,
            "-W",
            "ignore",
            "--ignore-glob=*test_fuzz.py",
            "-k",
            chosen,
        ]
        demands = Demands(test_command=shlex.join(pytest), limits=RunLimits(seconds=900))
        begun = time.monotonic()
        done = carry_out(
            plan,
            lambda: analyse(tree, workers=1, kept=home / "facts"),
            demands,
            home=home / "home",
            store=Store(home / "store"),
            ledger=f"sqlite:///{home / 'ledger.sqlite'}",
        )
        seconds = time.monotonic() - begun
    for each in done.outcomes:
        print(f"{each.state:8} {each.module} -> {each.new}, {each.files} files {each.code} {each.reason[:90]}")
    print(
        f"{name}: {done.count('made')} of {len(done.outcomes)} moves made, {done.before} pairs -> {done.after} and "
        f"{done.shims} shims; tests {done.tests_before} -> {done.tests_after}, different {list(done.different)}; "
        f"{seconds:.0f} s"
    )
    return {
        "moves": done.count("made"),
        "refused": done.count("refused"),
        "undone": done.count("undone"),
        "files_proved": sum(each.files for each in done.outcomes if each.state == "made"),
        "gross": 1 - done.after / done.before,
        "net": 1 - (done.after + done.shims) / done.before,
        "tests_before": done.tests_before,
        "tests_after": done.tests_after,
        "different": len(done.different),
        "skipped": done.skipped,
        "seconds": seconds,
    }


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--packages", default=",".join(PACKAGES))
    options.add_argument("--effort", type=float, default=1.0, help="share of the optimiser's usual number of tries")
    options.add_argument("--plans", default="mergekit,pydantic,libcst", help="packages to plan with proofs")
    options.add_argument("--apply", default="libcst", help="the package whose plan is carried out; '' for none")
    options.add_argument("--steps", type=int, default=0, help="of that plan; 0 for all")
    arguments = options.parse_args()

    rows = {}
    print(f"{'':16}modules pairs moves  gross   net  grow 1/4  rename  random  Louvain* Louvain (moved)  pairs, cycles")
    for name in filter(None, arguments.packages.split(",")):
        if folder_of(name) is None:
            print(f"{name:16}SKIPPED: not installed")
            continue
        row = rows[name] = reach(name, arguments.effort)
        print(
            f"{name:16}{row['modules']:7}{row['pairs']:6}{row['moves']:6}{row['gross']:7.0%}{row['net']:6.0%}"
            f"{row['gross_growth']:10.0%}{row['gross_renames']:8.0%}{row['random']:8.0%}{row['louvain_limited']:10.0%}"
            f"{row['louvain']:8.0%} ({row['louvain_moved']:4.0%})   {' -> '.join(map(str, row['package_pairs']))}, "
            f"{' -> '.join(map(str, row['in_cycles']))}   {row['seconds']:.1f} s",
            flush=True,
        )
    plans = {name: proved_plan(name) for name in filter(None, arguments.plans.split(",")) if folder_of(name)}
    applied = carried_out(arguments.apply, arguments.steps) if arguments.apply else None
    peers = [max(row["random"], row["louvain_limited"]) for row in rows.values()]
    ours, peer = (statistics.median(some) if rows else 0.0 for some in ([r["gross"] for r in rows.values()], peers))
    short = {
        name: rows[name]["gross"] for name, least in REQUIRED.items() if name in rows and rows[name]["gross"] < least
    }
    result = {
        "name": "coupling",
        "ours": ours,
        "peer": peer,
        "unit": "share of pairs of modules across packages that are gone",
        "ratio": ours / peer if peer > 0 else None,
        "limit": 1.0,
        "short_of_requirement": short,
        "packages": rows,
        "plans": plans,
        "applied": applied,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
