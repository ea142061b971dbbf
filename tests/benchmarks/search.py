"""Does the search learn? Adaptive recipes against uniformly random ones, on real merges of the models that ship.

Both strategies search the same space (a weight and a density for every parent, group of layers and kind of module, six
methods), have the same number of children, and see the same items. In each generation all children are merged and
scored on search items; the best of them is compared with the champion on held-back items, which decide nothing. It
becomes champion if it is the better one on duel items, which no strategy sees either: as a round does, whose gate has
items of its own. (Chosen by the search items, a champion is mostly a lucky one.) The first champion is the best of the
parents on the duel items.

With 100 search items a domain and not the pipeline's 250 the adaptive search learns those items and not the models: the
children it ends with reach .84 on them and .77 on others.

- `share`: of generations whose best child beats the champion on the held-back items
- `final`: the champion's fitness on them in the end

`ours` and `peer` are the shares, means over the seeds; `ratio` is their ratio. Intervals are 95% bootstrap intervals
over seeds, paired: a seed stands for its items and for the random choices of both strategies. `limit` is 1: every
generation's best child beats the champion.

Merges and answers are computed in memory, many children at once. Before it measures, the benchmark compares this with
mergekit's own merges, method by method, and with the package's evaluator, and fails if they differ.
"""

import argparse
import json
import multiprocessing
import tempfile
import time
from pathlib import Path

import numpy as np
import torch
from support.quick_merge import METHODS
from support.small_world import open_world

from strata.evolution.history import fitness
from strata.evolution.search import STRATEGIES, Past, Search, to_recipe
from strata.evolution.search.genome import draw as draw_genome
from strata.evolution.suites import DOMAINS, draw

SHIPPED = Path(__file__).parents[2] / "data" / "evolution"
REQUIRED = 1.25


def run(world, strategy, seed, options):
    """One search: its share, its champion's fitness on held-back items by generation, and what it tried."""
    merger = world.merger()
    search_items = world.items("search", 0, options.items, seed)
    duel = world.items("gate", 1, options.duel, seed)
    held_back = world.items("gate", 0, options.held_back, seed)
    parents = list(world.states.values())
    start = max(zip(map(fitness, world.scores(parents, duel)), parents, strict=True), key=lambda pair: pair[0])
    mark, champion = start[0], fitness(world.scores([start[1]], held_back)[0])
    search = Search(STRATEGIES[strategy], Past(world.space), seed)
    rows = []
    for _ in range(options.generations):
        children = [merger.merge(to_recipe(world.space, genome)) for genome in search.ask(options.children)]
        scores = world.scores(children, search_items)
        reached = list(map(fitness, scores))
        best = int(np.argmax(reached))
        held = fitness(world.scores([children[best]], held_back)[0])
        row = {"beats": held > champion, "mean": float(np.mean(reached)), "method": search.pending[best].method}
        fought = fitness(world.scores([children[best]], duel)[0])
        if fought > mark:
            mark, champion = fought, held
        rows.append(row | {"mark": mark, "champion": champion})
        search.tell(scores)
    return {
        "seed": seed,
        "strategy": strategy,
        "share": float(np.mean([row["beats"] for row in rows])),
        "first": rows[0]["champion"],
        "final": champion,
        "generations": rows,
    }


def bootstrap(values, statistic, draws=10_000):
    """95% percentile interval of `statistic` over rows of `values`, drawn with replacement."""
    random = np.random.default_rng(0)
    found = [statistic(values[random.integers(len(values), size=len(values))]) for _ in range(draws)]
    return [float(bound) for bound in np.quantile(found, [0.025, 0.975])]


def check(folder, world):
    """Raise AssertionError where merges or answers in memory differ from mergekit's and the package's."""
    from mergekit.config import MergeConfiguration
    from mergekit.merge import run_merge
    from mergekit.options import MergeOptions
    from safetensors.torch import load_file

    from strata.evolution.evaluate import local_scorer

    random, merger = np.random.default_rng(0), world.merger()
    paths = {digest: str(folder / name) for name, digest in world.names.items()}
    genomes = {}
    while len(genomes) < len(METHODS):
        genome = draw_genome(world.space, random)
        genomes.setdefault(genome.method, genome)
    with tempfile.TemporaryDirectory() as out:
        for method, genome in genomes.items():
            recipe = to_recipe(world.space, genome)
            configuration = MergeConfiguration.model_validate(recipe.with_paths(paths.__getitem__))
            target = Path(out) / method
            merged = MergeOptions(random_seed=recipe.seed, quiet=True, write_model_card=False, copy_tokenizer=True)
            run_merge(configuration, str(target), merged)
            theirs, ours = load_file(target / "model.safetensors"), merger.merge(recipe)
            assert theirs.keys() == ours.keys()
            worst = max(float((theirs[name] - ours[name]).abs().max()) for name in theirs)
            assert worst < 1e-5, f"{method} differs from mergekit's by {worst}"
        items = {domain: draw(domain, "anchor", 0, 100, 0) for domain in DOMAINS}
        scorer = local_scorer(target)()
        for domain in DOMAINS:
            questions = [(item.prompt, [choice + item.stop for choice in item.choices]) for item in items[domain]]
            right = [
                float(int(np.argmax(row)) == item.answer)
                for row, item in zip(scorer.log_likelihoods(questions), items[domain], strict=True)
            ]
            found = world.scores([ours], world.items("anchor", 0, 100, 0))[0][domain]
            assert found == np.mean(right), f"{domain}: {found} in memory, {np.mean(right)} by the evaluator"


def main():
    options = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    options.add_argument("--models", type=Path, default=SHIPPED, help="folder of base and specialists")
    options.add_argument("--seeds", type=int, default=10)
    options.add_argument("--generations", type=int, default=12)
    options.add_argument("--children", type=int, default=8, help="of a generation")
    options.add_argument("--items", type=int, default=250, help="search items of each domain; 250 as the pipeline has")
    options.add_argument("--duel", type=int, default=1000, help="items of each domain that decide on the champion")
    options.add_argument("--held-back", type=int, default=1000, help="held-back items of each domain")
    options.add_argument("--strategies", default="random,adaptive", help="peer first, ours last")
    options.add_argument("--processes", type=int, default=2)
    options.add_argument("--keep", type=Path, help="file of finished searches, from which a stopped run goes on")
    arguments = options.parse_args()
    torch.set_num_threads(1)
    begun = time.monotonic()
    world = open_world(arguments.models)
    check(arguments.models, world)
    names = arguments.strategies.split(",")
    same = {name: value for name, value in vars(arguments).items() if name in _SETTING}
    done = {}
    if arguments.keep and arguments.keep.exists():
        for line in arguments.keep.read_text().splitlines():
            result = json.loads(line)
            if result["setting"] == {**same, "models": list(world.states)}:
                done[result["seed"], result["strategy"]] = result
    jobs = [(name, seed) for seed in range(arguments.seeds) for name in names if (seed, name) not in done]
    with multiprocessing.get_context("fork").Pool(arguments.processes) as pool:
        calls = [pool.apply_async(run, (world, name, seed, arguments)) for name, seed in jobs]
        for call in calls:
            result = call.get()
            done[result["seed"], result["strategy"]] = result
            print(
                f"seed {result['seed']:2} {result['strategy']:9} {result['share']:.3f} {result['final']:.4f}",
                flush=True,
            )
            if arguments.keep:
                kept = result | {"setting": {**same, "models": list(world.states)}}
                with arguments.keep.open("a") as file:
                    file.write(json.dumps(kept) + "\n")
    report(done, names, arguments, time.monotonic() - begun)


_SETTING = ("generations", "children", "items", "duel", "held_back")


def report(done, names, arguments, seconds):
    """Print the table and the JSON object."""
    peer, ours = names[0], names[-1]
    table = {
        name: np.array([[done[seed, name][field] for field in ("share", "final")] for seed in range(arguments.seeds)])
        for name in names
    }
    for name, rows in table.items():
        print(f"{name:9} share {rows[:, 0].mean():.3f} {bootstrap(rows[:, 0], np.mean)}", end="  ")
        print(f"final {rows[:, 1].mean():.4f} {bootstrap(rows[:, 1], np.mean)}")
    both = np.stack([table[ours], table[peer]])
    pairs = both.transpose(1, 2, 0)  # seeds by (share, final) by (ours, peer)
    ratio = bootstrap(pairs[:, 0], lambda rows: rows[:, 0].mean() / max(rows[:, 1].mean(), 1e-9))
    gain = bootstrap(pairs[:, 1], lambda rows: (rows[:, 0] - rows[:, 1]).mean())
    shares, finals = pairs[:, 0].mean(0), pairs[:, 1].mean(0)
    result = {
        "name": "search",
        "ours": shares[0],
        "peer": shares[1],
        "unit": "share of generations whose best child beats the champion",
        "ratio": shares[0] / max(shares[1], 1e-9),
        "limit": 1.0,
        "ratio_interval": ratio,
        "required": REQUIRED,
        "final_ours": finals[0],
        "final_peer": finals[1],
        "final_gain": finals[0] - finals[1],
        "final_gain_interval": gain,
        "strategies": [ours, peer],
        "seeds": arguments.seeds,
        "evaluations": arguments.generations * arguments.children,
        "generations": arguments.generations,
        "items": 4 * arguments.items,
        "duel": 4 * arguments.duel,
        "held_back": 4 * arguments.held_back,
        "seconds": round(seconds, 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
