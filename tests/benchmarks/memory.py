"""Memory of a node: matrices in int8 against bfloat16, the same model on as many nodes; and what int8 costs in quality.

A node's memory is its largest resident set above that of the empty node, loading included; the first stage is compared
with the first, and so on. Quality is the perplexity of a fixed text (the beginning of Carroll's "Alice's Adventures in
Wonderland", 1865) in this process. The limit is the largest node's weights and KV cache in int8, which no node can do
without.
The run fails where int8 saves less than 40 % on any node or raises the perplexity by more than 1 %.
"""

import argparse
import json
import math
import tempfile
from dataclasses import dataclass
from pathlib import Path

import torch
import trio

from strata.inference import (
    Checkpoint,
    Coordinator,
    GenerationParams,
    GenerationResult,
    LocalCluster,
    balanced_plan,
    profile_model,
    resolve_model,
)
from strata.inference.decoder.stage import Stage
from strata.inference.node.sources import TensorSource
from strata.inference.plan.profile import Weights
from strata.inference.run.text import Texts
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from strata.settings import Settings

PROMPT = "Tell me a story about a boat."
TEXT = Path(__file__).parents[2] / "data" / "text" / "alice.txt"
DTYPE = "bfloat16"
LEAST_SAVED = 0.40
MOST_PERPLEXITY = 1.01
KINDS: tuple[Weights | None, ...] = (None, "int8")


@dataclass(frozen=True)
class Measured:
    """The stages of one cluster, and the perplexity of the whole."""

    result: GenerationResult
    perplexity: float

    @property
    def nodes(self) -> list[int]:
        """Bytes of each node above the empty one."""
        return [stage.peak_rss_bytes - stage.baseline_rss_bytes for stage in self.result.stages]

    @property
    def needed(self) -> int:
        """Bytes of weights and KV cache of the node that holds most."""
        return max(stage.weight_bytes + stage.kv_bytes for stage in self.result.stages)


def run_cluster(home: Path, model: Path, nodes: int, tokens: int, weights: Weights | None) -> GenerationResult:
    """One answer by fresh nodes, which are sent their shards."""
    params = GenerationParams(max_new_tokens=tokens, stop=frozenset())
    with LocalCluster(home, nodes) as cluster:

        async def run() -> GenerationResult:
            key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
            checkpoint, profile = Checkpoint.open(model), profile_model(model, DTYPE, weights)
            async with Coordinator.connect(key, roster, home, cluster.mesh_file.read_bytes()) as coordinator:
                plan = balanced_plan(profile, await coordinator.inventory(), context=256)
                await coordinator.distribute(checkpoint, plan)
                result = await coordinator.generate(checkpoint, plan, [PROMPT], params)
            planned, held = [[s.weight_bytes for s in stages] for stages in (plan.stages, result.stages)]
            if planned != held:
                raise SystemExit(f"the plan counts {planned} bytes of weights where nodes hold {held}")
            return result

        return trio.run(run)


def perplexity(model: Path, weights: Weights | None) -> tuple[float, int]:
    """Of the text, and its number of tokens."""
    checkpoint = Checkpoint.open(model)
    last = len(profile_model(model).layers) - 1
    stage = Stage.build(checkpoint.config, 0, last, DTYPE, weights)
    stage.load(TensorSource.of_checkpoint(checkpoint), checkpoint.tensors)
    (ids,) = Texts(model).encode([TEXT.read_text()], chat=False)
    tokens = torch.tensor([ids])
    logits = stage.new_session(1, [0], len(ids) + 1).forward(tokens, want="logits")[0].float()
    return math.exp(torch.nn.functional.cross_entropy(logits[:-1], tokens[0, 1:]).item()), len(ids)


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=32)
    arguments = parser.parse_args()
    found: list[Measured] = []
    length = 0
    for weights in KINDS:
        with tempfile.TemporaryDirectory() as folder:
            home = Path(folder)
            model = resolve_model("smollm2", Settings(STRATA_HOME=home))
            result = run_cluster(home, model, arguments.nodes, arguments.tokens, weights)
            value, length = perplexity(model, weights)
        found.append(Measured(result, value))
        sizes = ", ".join(f"{size / 2**20:.0f}" for size in found[-1].nodes)
        print(f"{weights or DTYPE}: {sizes} MiB above an empty node, perplexity {value:.3f} over {length} tokens")
    theirs, ours = found
    saved = [1 - one / other for one, other in zip(ours.nodes, theirs.nodes, strict=True)]
    report = {
        "name": "memory",
        "ours": max(ours.nodes),
        "peer": max(theirs.nodes),
        "unit": "bytes above an empty node, largest node",
        "ratio": max(theirs.nodes) / max(ours.nodes),
        "limit": ours.needed,
        "peer_name": f"the same in {DTYPE}",
        "saved": min(saved),
        "saved_by_node": saved,
        "saved_in_all": 1 - sum(ours.nodes) / sum(theirs.nodes),
        "nodes": arguments.nodes,
        "ours_bytes": ours.nodes,
        "peer_bytes": theirs.nodes,
        "ours_weight_bytes": [stage.weight_bytes for stage in ours.result.stages],
        "peer_weight_bytes": [stage.weight_bytes for stage in theirs.result.stages],
        "perplexity": ours.perplexity,
        "peer_perplexity": theirs.perplexity,
        "text_tokens": length,
        "seconds_per_token": ours.result.seconds_per_token,
        "peer_seconds_per_token": theirs.result.seconds_per_token,
        "met": min(saved) >= LEAST_SAVED and ours.perplexity <= MOST_PERPLEXITY * theirs.perplexity,
    }
    print(json.dumps(report))
    if not report["met"]:
        raise SystemExit(1)


if __name__ == "__main__":
    main()
