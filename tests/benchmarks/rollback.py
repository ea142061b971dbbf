"""Rollback of a champion of SmolLM2's shape: how long until the former one is back, every byte of it verified.

The model has 163 million parameters in bfloat16, random ones: SmolLM2-135M's, and a head of its own. Every rollback
reads and hashes all of it, keeps its files, and moves the pointer in one durable transaction; with the files in the
page cache, and ("cold") with the cache emptied of them before. The peer is what a rollback is without a store by
digest: the former model's files are copied from the cache, hashed to verify them, synced, and put into the place of the
present one's; its time without the verification is given too. The limit is hashing the same bytes in one thread, which
no verified rollback can do without. The run fails where one takes 2 s.
"""

import argparse
import hashlib
import json
import os
import shutil
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from support.files import drop_cache, in_memory
from support.random_llama import CONFIG, write_model

from strata.evolution.lineage import Championship
from strata.evolution.models import ModelManifest, put_model
from strata.store import Store

SHAPE = CONFIG | {
    "hidden_size": 576, "intermediate_size": 1536, "num_hidden_layers": 30, "num_attention_heads": 9,
    "num_key_value_heads": 3, "vocab_size": 49152,
}  # fmt: skip
MOST_SECONDS = 2.0


def roll_back(championship: Championship, old: str, new: str, forget: Sequence[Path] = ()) -> float:
    """Seconds of a rollback from `new`, promoted first, to `old`; `forget`: folders to have out of the cache."""
    championship.promote(new, expected=old, reason="better")
    drop_cache(forget)
    started = time.perf_counter()
    done = championship.rollback(reason="found worse", kind="regression", expected=new)
    seconds = time.perf_counter() - started
    if done.target != old or done.passed_over:
        raise SystemExit(f"rolled back to {done.target}, not to {old}")
    return seconds


def copy_over(source: Path, target: Path) -> float:
    """Seconds of copying a model's folder beside `target`, durably, and putting it in its place."""
    started = time.perf_counter()
    fresh, former = target.with_name("fresh"), target.with_name("former")
    shutil.copytree(source, fresh)
    for file in fresh.iterdir():
        with file.open("rb") as opened:
            os.fsync(opened.fileno())
    target.rename(former)
    fresh.rename(target)
    seconds = time.perf_counter() - started
    shutil.rmtree(former)
    return seconds


def hash_all(store: Store, manifest: ModelManifest) -> float:
    """Seconds of hashing the model's bytes, which are in memory already."""
    data = [store.read(blob) for blob in manifest.files.values()]
    started = time.perf_counter()
    for piece in data:
        hashlib.sha256(piece)
    return time.perf_counter() - started


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=7)
    parser.add_argument(
        "--folder", type=Path, help="where to work: on a disk, not in memory; default: the system's own"
    )
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory(dir=arguments.folder) as folder:
        root = Path(folder)
        store = Store(root / "store")
        manifests = []
        for seed, name in enumerate(("old", "new")):
            write_model(root / name, seed, SHAPE)
            manifests.append(put_model(store, root / name))
        old, new = (manifest.digest for manifest in manifests)
        size = sum(store.size(blob) for blob in manifests[0].files.values())
        with Championship(store, f"sqlite:///{root / 'ledger.sqlite'}") as championship:
            championship.promote(old, expected=None, reason="the first")
            warm, cold, copied, limit = [], [], [], []
            for _ in range(arguments.repeats):
                warm.append(roll_back(championship, old, new))
                cold.append(roll_back(championship, old, new, [store.layout.blobs]))
                copied.append(copy_over(root / "old", root / "new"))
                limit.append(hash_all(store, manifests[0]))
        peer = [one + other for one, other in zip(copied, limit, strict=True)]
        for name, found in (("warm", warm), ("cold", cold), ("copied", copied), ("hashed", limit)):
            print(f"{name}: median {statistics.median(found):.3f} s, longest {max(found):.3f} s")
        report = {
            "name": "rollback",
            "ours": statistics.median(warm),
            "peer": statistics.median(peer),
            "unit": "s until the former champion is back",
            "ratio": statistics.median(peer) / statistics.median(warm),
            "limit": statistics.median(limit),
            "peer_name": "copying the former model's files into place and hashing them",
            "peer_unverified": statistics.median(copied),
            "longest": max(warm),
            "cold": statistics.median(cold),
            "cold_longest": max(cold),
            "model_bytes": size,
            "repeats": arguments.repeats,
            "cold_is_memory": in_memory(root),
            "met": max(*warm, *cold) < MOST_SECONDS,
        }
    print(json.dumps(report))
    if not report["met"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
