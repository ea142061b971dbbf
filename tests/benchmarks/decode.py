"""Seconds a token: four encrypted local nodes against transformers' `generate` in one process, same cores and dtype.

Both run the same prompt in turns and must give the same tokens; medians of the repeats. In half precision they may part
where two tokens are as likely as the dtype can tell, which is checked and said. With `--weights int8` the nodes
round their matrices, which `generate` does not: their tokens must be those of one process that rounds them alike. The
limit is what it takes to read every weight once at the memory bandwidth measured here: no decoder of this size can be
faster. llama.cpp (llama-cpp-python) is measured beside them on the quantised file, where it is installed.
"""

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from itertools import islice
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
    generate_baseline,
    generate_locally,
    profile_model,
    resolve_model,
)
from strata.inference.models.resolve import PACKAGED
from strata.inference.plan.measure import measure_node
from strata.inference.plan.profile import ModelProfile
from strata.inference.run.text import Texts
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from strata.settings import Settings

NODES = 4
CONTEXT = 256
PROMPT = "Tell me a story about a boat."


def measure_nodes(
    cluster: LocalCluster, model: Path, profile: ModelProfile, home: Path, params: GenerationParams
) -> GenerationResult:
    """One run on the cluster's nodes, which hold their shards after the first."""

    async def run() -> GenerationResult:
        key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
        checkpoint = Checkpoint.open(model)
        async with Coordinator.connect(key, roster, home, cluster.mesh_file.read_bytes()) as coordinator:
            plan = balanced_plan(profile, await coordinator.inventory(), context=CONTEXT)
            await coordinator.distribute(checkpoint, plan)
            return await coordinator.generate(checkpoint, plan, [PROMPT], params)

    return trio.run(run)


def parting(model: Path, ours: GenerationResult, theirs: GenerationResult, arguments: argparse.Namespace) -> int | None:
    """At which token two runs part, None if they do not; ends the benchmark unless the two tokens are a tie there.

    A tie: their logits are apart by less than four steps of the dtype at their size.
    """
    one, other = ours.token_ids[0], theirs.token_ids[0]
    place = next((i for i, (a, b) in enumerate(zip(one, other, strict=True)) if a != b), None)
    if place is None:
        return None
    (prompt,) = Texts.of(model).encode([PROMPT], chat=True)
    params = GenerationParams(max_new_tokens=1, stop=frozenset(), want_logits=True)
    seen = [[*prompt, *one[:place]]]
    logits = generate_locally(model, seen, params, None, arguments.dtype, weights=arguments.weights).logits[0][0]
    gap = abs(float(logits[one[place]] - logits[other[place]]))
    step = torch.finfo(getattr(torch, arguments.dtype)).eps * float(logits.max())
    print(f"   they part at token {place}: the two are {gap:.3g} apart, a step of {arguments.dtype} is {step:.3g}")
    if gap > 4 * step:
        raise SystemExit("the tokens differ")
    return place


def measure_llama_cpp(model: Path, tokens: int) -> float | None:
    """Seconds a token, after the first, of llama.cpp on the packaged 4-bit file; None, said loudly, without it."""
    spec = importlib.util.find_spec("llama_cpp")
    package = importlib.util.find_spec(PACKAGED["smollm2"])
    if spec is None or package is None or package.origin is None:
        print("NOT MEASURED: llama.cpp is not installed (pip install llama-cpp-python)", file=sys.stderr)
        return None
    from llama_cpp import Llama

    (file,) = Path(package.origin).parent.glob("*.gguf")
    llama = Llama(str(file), n_threads=os.cpu_count(), n_ctx=CONTEXT, verbose=False)
    (prompt,) = Texts.of(model).encode([PROMPT], chat=True)
    moments = [time.perf_counter() for _ in islice(llama.generate(prompt, temp=0), tokens)]
    return (moments[-1] - moments[0]) / (tokens - 1)


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument(
        "--threads", type=int, default=None, help="threads of each node; default: its share of the cores"
    )
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    parser.add_argument("--weights", default=None, choices=["int8"], help="how the nodes hold matrices; default: dtype")
    arguments = parser.parse_args()
    params = GenerationParams(max_new_tokens=arguments.tokens, stop=frozenset())
    ours: list[GenerationResult] = []
    theirs: list[GenerationResult] = []
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = resolve_model("smollm2", Settings(STRATA_HOME=home))
        bandwidth = measure_node(1 << 30).bandwidth
        profile = profile_model(model, arguments.dtype, arguments.weights)
        rounded = arguments.weights is not None
        if rounded:
            whole = generate_locally(model, [PROMPT], params, None, arguments.dtype, weights=arguments.weights)
        with LocalCluster(home, NODES, threads=arguments.threads) as cluster:
            measure_nodes(cluster, model, profile, home, params)  # sends the shards
            for repeat in range(arguments.repeats):
                ours.append(measure_nodes(cluster, model, profile, home, params))
                theirs.append(generate_baseline(model, [PROMPT], params, arguments.dtype))
                print(
                    f"{repeat + 1}: {NODES} nodes {ours[-1].seconds_per_token * 1e3:.1f} ms a token, "
                    f"one process {theirs[-1].seconds_per_token * 1e3:.1f} ms"
                )
                tie = parting(model, ours[-1], whole if rounded else theirs[-1], arguments)
        llama_cpp = measure_llama_cpp(model, arguments.tokens)
    seconds = statistics.median(result.seconds_per_token for result in ours)
    reference = statistics.median(result.seconds_per_token for result in theirs)
    report = {
        "name": "decode",
        "ours": seconds,
        "peer": reference,
        "unit": "seconds a token",
        "ratio": reference / seconds,
        "limit": profile.total_bytes / bandwidth,
        "peer_name": "transformers generate, one process",
        "dtype": arguments.dtype,
        "weights": arguments.weights or arguments.dtype,
        "nodes": NODES,
        "tokens": arguments.tokens,
        "repeats": arguments.repeats,
        "tokens_part_at_a_tie": tie,
        "seconds_to_first_token": statistics.median(result.seconds_to_first_token for result in ours),
        "peer_seconds_to_first_token": statistics.median(result.seconds_to_first_token for result in theirs),
        "llama_cpp_4_bit_seconds": llama_cpp,
        "memory": [
            {
                "node": stage.node,
                "above_empty_bytes": stage.peak_rss_bytes - stage.baseline_rss_bytes,
                "weights_and_kv_bytes": stage.weight_bytes + stage.kv_bytes,
            }
            for stage in ours[-1].stages
        ],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
