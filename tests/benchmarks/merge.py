"""A generation of eight children in a pool against eight runs of mergekit's own command, on the same cores.

Two each of TIES, DARE-TIES, SLERP and linear, with other weights, densities and seeds; parents of the size of
SmolLM2-135M in bfloat16, made here: random weights around a common base. Ours counts from an empty pool to the last
child in the store: starting workers, taking the parents out of the store, verifying, merging, hashing, writing. The
peer runs one after the other with its default options, so that each may use all cores. Files are compared child by
child: weights, configuration, and tokenizer if there is one; not the card, which says where the parents lay.

Bytes depend on torch's number of threads (a sum over a tensor is one of sums by thread), so both have the same:
`--threads`, by default torch's own choice, which is the peer's. The limit is the time to write the children's bytes to
this disk and have them there.
"""

import argparse
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import save_file
from support.random_llama import shapes

from strata.evolution.merge import Merged, MergePool
from strata.evolution.models import open_model, put_model
from strata.evolution.recipes import Recipe
from strata.store import Store

CONFIG: dict[str, Any] = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "dtype": "bfloat16", "hidden_size": 576,
    "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9, "num_key_value_heads": 3,
    "vocab_size": 49152, "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "hidden_act": "silu",
    "tie_word_embeddings": True,
}  # fmt: skip
PARENTS = ("base", "one", "two", "three")
CARD = {"README.md", "mergekit_config.yml"}


def write_parents(home: Path, layers: int) -> dict[str, Path]:
    """A base, and three that differ from it by a twenty-fifth of its weights' spread."""
    config = CONFIG | {"num_hidden_layers": layers}
    common = torch.Generator().manual_seed(0)
    base = {
        name: torch.randn(shape, generator=common) * 0.05 if len(shape) > 1 else torch.ones(shape)
        for name, shape in shapes(config)
        if name != "lm_head.weight"
    }
    folders = {}
    for number, parent in enumerate(PARENTS):
        own = torch.Generator().manual_seed(number)
        scale = 0.002 * (number > 0)
        weights = {n: (w + torch.randn(w.shape, generator=own) * scale).bfloat16() for n, w in base.items()}
        folders[parent] = home / parent
        folders[parent].mkdir()
        (folders[parent] / "config.json").write_text(json.dumps(config))
        save_file(weights, str(folders[parent] / "model.safetensors"), metadata={"format": "pt"})
    return folders


def generation(names: dict[str, str]) -> list[tuple[dict[str, Any], int]]:
    """Configurations and seeds. names: what stands for each parent."""
    made: list[tuple[dict[str, Any], int]] = []
    for number, (weight, density) in enumerate(((0.5, 0.5), (0.35, 0.3))):
        for method in ("ties", "dare_ties"):
            models = [
                {"model": names[n], "parameters": {"weight": weight + 0.1 * i, "density": density + 0.1 * i}}
                for i, n in enumerate(("one", "two"))
            ]
            made.append(({"merge_method": method, "base_model": names["base"], "models": models}, number))
        pair = [{"model": names[n]} for n in ("one", "two")]
        made.append(
            ({"merge_method": "slerp", "base_model": names["one"], "models": pair, "parameters": {"t": weight}}, number)
        )
        three = [
            {"model": names[n], "parameters": {"weight": weight + 0.1 * i}}
            for i, n in enumerate(("one", "two", "three"))
        ]
        made.append(({"merge_method": "linear", "models": three}, number))
    return [(configuration | {"dtype": "bfloat16"}, seed) for configuration, seed in made]


def run_peer(home: Path, folders: dict[str, Path], threads: int | None) -> tuple[list[Path], list[float]]:
    """Eight runs of `mergekit-yaml`; folders and seconds of each."""
    outs, seconds = [], []
    environment = os.environ | {"HF_HUB_OFFLINE": "1"}
    environment.pop("OMP_NUM_THREADS", None)
    for number, (configuration, seed) in enumerate(generation({k: str(v) for k, v in folders.items()})):
        recipe, out = home / f"{number}.yml", home / f"peer-{number}"
        recipe.write_text(json.dumps(configuration))  # JSON is YAML
        command = [str(Path(sys.executable).with_name("mergekit-yaml")), str(recipe), str(out)]
        command += ["--random-seed", str(seed), *(["--num-threads", str(threads)] if threads else [])]
        begun = time.perf_counter()
        subprocess.run(command, check=True, env=environment, capture_output=True)
        seconds.append(time.perf_counter() - begun)
        outs.append(out)
        print(f"mergekit-yaml {configuration['merge_method']:10} {seconds[-1]:6.1f} s", flush=True)
    return outs, seconds


def write_limit(home: Path, size: int) -> float:
    """Seconds to write so many bytes and have them on the disk."""
    block = os.urandom(64 << 20)
    begun = time.perf_counter()
    with (home / "limit").open("wb", buffering=0) as file:
        for start in range(0, size, len(block)):
            file.write(block[: size - start])
        os.fsync(file.fileno())
    seconds = time.perf_counter() - begun
    (home / "limit").unlink()
    return seconds


def cores_used() -> float:
    """Seconds of a core that this process and its ended children took."""
    taken = os.times()
    return taken.user + taken.system + taken.children_user + taken.children_system


def digests(folder: Path) -> dict[str, str]:
    """SHA-256 of all files but the card."""
    files = (file for file in folder.iterdir() if file.name not in CARD)
    return {file.name: hashlib.sha256(file.read_bytes()).hexdigest() for file in files}


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--workers", type=int, default=os.cpu_count())
    parser.add_argument("--threads", type=int, default=None, help="of torch, on both sides; default: torch's choice")
    parser.add_argument("--layers", type=int, default=CONFIG["num_hidden_layers"], help="of the parents")
    arguments = parser.parse_args()
    threads = arguments.threads or len(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        folders = write_parents(home, arguments.layers)
        store = Store(home / "store")
        names = {name: f"model:{put_model(store, folder).digest}" for name, folder in folders.items()}
        recipes = [Recipe(configuration, seed) for configuration, seed in generation(names)]

        begun, used = time.perf_counter(), cores_used()
        with MergePool(store, arguments.workers, threads=threads) as pool:
            children = list(pool.merge_all(recipes))
            ours = time.perf_counter() - begun
        our_cores, used = cores_used() - used, cores_used()
        for recipe, child in zip(recipes, children, strict=True):
            if not isinstance(child, Merged):
                raise SystemExit(f"{recipe.method}: {child.kind}: {child.detail}")
            print(
                f"pool {recipe.method:10} {child.seconds:6.1f} s, peak {child.peak_bytes / 2**20:5.0f} MiB, "
                f"predicted {child.predicted_bytes / 2**20:5.0f}"
            )
        print(f"{len(children)} children in {ours:.1f} s by {arguments.workers} workers", flush=True)
        outs, seconds = run_peer(home, folders, arguments.threads)
        peer_cores = cores_used() - used
        same = [
            digests(out) == dict(open_model(store, child.digest).files)
            for out, child in zip(outs, children, strict=True)
        ]
        written = sum(store.size(blob) for child in children for blob in open_model(store, child.digest).files.values())
        limit = write_limit(home, written)
        report = {
            "name": "merge",
            "ours": ours,
            "peer": sum(seconds),
            "unit": "seconds a generation of 8 children",
            "ratio": sum(seconds) / ours,
            "limit": limit,
            "peer_name": "mergekit-yaml, 8 runs",
            "same_bytes": all(same),
            "same_bytes_by_child": same,
            "children": [recipe.method for recipe in recipes],
            "seconds": [child.seconds for child in children],
            "peer_seconds": seconds,
            "core_seconds": our_cores,
            "peer_core_seconds": peer_cores,
            "workers": arguments.workers,
            "engine": vars(children[0].engine),
            "peak_bytes": [child.peak_bytes for child in children],
            "predicted_bytes": [child.predicted_bytes for child in children],
            "bytes_written": written,
        }
        print(json.dumps(report))


if __name__ == "__main__":
    main()
