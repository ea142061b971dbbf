"""Whether merging pays with the models that ship: simple merges by mergekit against the best parent.

Task arithmetic and TIES with one weight for all specialists. The merge to report is chosen on search items, then
compared with the parent that is best on the gate's items, which no choice has seen: the comparison favours the parent.

`ours` and `peer` are shares of right answers on the gate's items; `interval` is the paired 95% interval of their
difference, `discordance` the share of items on which they differ.
"""

import argparse
import json
import math
import statistics
import tempfile
from pathlib import Path

from strata.evolution.evaluate import Evaluation, evaluate, local_scorer
from strata.evolution.suites import DOMAINS, Item, draw

MERGES = (("task_arithmetic", 0.6, None), ("task_arithmetic", 0.7, None), ("ties", 0.65, 0.7))


def merge(models: Path, out: Path, method: str, weight: float, density: float | None) -> None:
    from mergekit.config import MergeConfiguration
    from mergekit.merge import MergeOptions, run_merge

    parameters = {"weight": weight} | ({} if density is None else {"density": density})
    configuration = {
        "merge_method": method,
        "base_model": str(models / "base"),
        "dtype": "float32",
        "models": [{"model": str(models / domain), "parameters": parameters} for domain in DOMAINS],
        "parameters": {"normalize": False},
    }
    options = MergeOptions(random_seed=1, quiet=True, write_model_card=False, copy_tokenizer=True)
    run_merge(MergeConfiguration.model_validate(configuration), str(out), options)


def difference(ours: Evaluation, peer: Evaluation) -> tuple[float, float, float]:
    """Mean, half of the 95% interval, and share of items that differ."""
    found = [a.score - b.score for a, b in zip(ours.scores, peer.scores, strict=True)]
    half = 1.96 * statistics.stdev(found) / math.sqrt(len(found))
    return statistics.fmean(found), half, sum(value != 0 for value in found) / len(found)


def rounded(evaluation: Evaluation) -> dict[str, float]:
    return {domain: round(evaluation.mean(domain), 4) for domain in DOMAINS} | {"mean": round(evaluation.mean(), 4)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--models", type=Path, default=Path("data/evolution"), help="folder of base and specialists")
    parser.add_argument("--items", type=int, default=600, help="items of each domain (default: 600)")
    parser.add_argument("--seed", type=int, default=11, help="of the draws (default: 11)")
    arguments = parser.parse_args()
    models = arguments.models.absolute()

    def drawn(purpose: str, count: int) -> list[Item]:
        return [item for domain in DOMAINS for item in draw(domain, purpose, 0, count, arguments.seed)]  # type: ignore[arg-type]

    def scored(folder: Path, items: list[Item]) -> Evaluation:
        return evaluate(local_scorer(folder), folder.name, items)

    search, gate = drawn("search", max(1, arguments.items // 4)), drawn("gate", arguments.items)
    parents = {name: scored(models / name, gate) for name in ("base", *DOMAINS)}
    for name, found in parents.items():
        print(f"{name:30} {rounded(found)}", flush=True)
    best_parent = max(parents, key=lambda name: parents[name].mean())
    with tempfile.TemporaryDirectory() as scratch:
        folders = {}
        for method, weight, density in MERGES:
            name = f"{method} {weight}" + ("" if density is None else f" density {density}")
            folders[name] = Path(scratch, name.replace(" ", "-"))
            merge(models, folders[name], method, weight, density)
        chosen = max(folders, key=lambda name: scored(folders[name], search).mean())
        merged = {name: scored(folder, gate) for name, folder in folders.items()}
    for name, found in merged.items():
        mean, half, differ = difference(found, parents[best_parent])
        print(f"{name:30} {rounded(found)} {mean:+.4f} +- {half:.4f}, discordance {differ:.3f}", flush=True)
    mean, half, differ = difference(merged[chosen], parents[best_parent])
    ours, peer = merged[chosen].mean(), parents[best_parent].mean()
    report = {
        "name": "specialists",
        "ours": round(ours, 4),
        "peer": round(peer, 4),
        "unit": "share of items right",
        "ratio": round(ours / peer, 4),
        "limit": 1.0,
        "merge": chosen,
        "best_parent": best_parent,
        "difference": round(mean, 4),
        "interval": [round(mean - half, 4), round(mean + half, 4)],
        "discordance": round(differ, 4),
        "items": len(gate),
        "parents": {name: rounded(found) for name, found in parents.items()},
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
