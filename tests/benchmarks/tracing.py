"""What tracing costs: milliseconds a token and resident memory of a node, with it and without.

Two pairs of encrypted local nodes with the same small model answer the same prompt in turns, one pair with a collector
on loopback and one without; medians. A token of so small a model takes as long as its messages; a larger one's takes
longer, and tracing counts as many steps of it. The collector runs in this process. The tokens must be the same.
"""

import argparse
import json
import os
import statistics
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio
from support.otlp import Collector
from support.random_llama import CONFIG, write_model

from strata.inference import Checkpoint, Coordinator, GenerationParams, LocalCluster, balanced_plan, profile_model
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from strata.settings import Settings
from strata.telemetry import exporting, span

ENDPOINT = "OTEL_EXPORTER_OTLP_ENDPOINT"
NODES = 2
PROMPT = [[1, 2, 3, 4]]
SMALL = CONFIG | {
    "hidden_size": 256,
    "intermediate_size": 512,
    "num_hidden_layers": 4,
    "num_attention_heads": 4,
    "vocab_size": 1024,
}


@contextmanager
def _cluster(home: Path, endpoint: str | None) -> Iterator[LocalCluster]:
    """Nodes that trace to there, or nothing."""
    if endpoint is not None:
        os.environ[ENDPOINT] = endpoint
    try:
        with LocalCluster(home, NODES, threads=1) as cluster:
            os.environ.pop(ENDPOINT, None)
            yield cluster
    finally:
        os.environ.pop(ENDPOINT, None)


async def _answer(cluster: LocalCluster, model: Path, repeats: int, tokens: int) -> tuple[list[float], list[list[int]]]:
    """Seconds a token of each answer, and the tokens of the last."""
    key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
    checkpoint, params = Checkpoint.open(model), GenerationParams(max_new_tokens=tokens, stop=frozenset())
    async with Coordinator.connect(key, roster, model.parent, cluster.mesh_file.read_bytes()) as coordinator:
        plan = balanced_plan(profile_model(model, "float32"), await coordinator.inventory(), context=tokens + 8)
        await coordinator.distribute(checkpoint, plan)
        results = [await coordinator.generate(checkpoint, plan, PROMPT, params) for _ in range(repeats)]
        return [result.seconds_per_token for result in results], results[-1].token_ids


async def _resident(cluster: LocalCluster, model: Path) -> float:
    """Resident bytes of an empty node that is ready to serve, mean over the nodes."""
    key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
    async with Coordinator.connect(key, roster, model.parent, cluster.mesh_file.read_bytes()) as coordinator:
        return statistics.mean(status.baseline_rss_bytes for status in (await coordinator.statuses()).values())


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--turns", type=int, default=6)
    parser.add_argument("--repeats", type=int, default=2, help="answers of a turn")
    parser.add_argument("--tokens", type=int, default=120)
    arguments = parser.parse_args()
    ask = arguments.repeats, arguments.tokens
    with tempfile.TemporaryDirectory() as folder, Collector() as collector:
        home, model = Path(folder), Path(folder) / "model"
        write_model(model, seed=0, config=SMALL)
        settings = Settings(STRATA_HOME=home, OTEL_EXPORTER_OTLP_ENDPOINT=collector.endpoint)
        with _cluster(home, collector.endpoint) as traced, _cluster(home, None) as plain:
            on, off = [], []
            for turn in range(arguments.turns + 1):
                with exporting("strata", settings), span("answer"):
                    seconds, tokens = trio.run(_answer, traced, model, *ask)
                peer, same = trio.run(_answer, plain, model, *ask)
                if tokens != same:
                    raise SystemExit("the tokens differ")
                if turn:  # the first warms up
                    on, off = on + seconds, off + peer
            resident = [trio.run(_resident, cluster, model) for cluster in (traced, plain)]
        spans = len(collector.wait(lambda found: len(found) > 0))
    ours, peer_seconds = statistics.median(on), statistics.median(off)
    print(f"{1e3 * ours:.3f} ms a token with tracing, {1e3 * peer_seconds:.3f} without; {spans} spans")
    print(f"an empty node holds {resident[0] / 1e6:.1f} MB with tracing, {resident[1] / 1e6:.1f} without")
    report = {
        "name": "tracing",
        "ours": 1e3 * ours,
        "peer": 1e3 * peer_seconds,
        "unit": "ms a token",
        "ratio": peer_seconds / ours,
        "limit": 1e3 * peer_seconds,
        "peer_name": "the same nodes without tracing",
        "nodes": NODES,
        "spans": spans,
        "answers": len(on),
        "tokens": arguments.tokens,
        "resident_bytes": resident[0],
        "peer_resident_bytes": resident[1],
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
