"""Seconds a token of a model that does not fit: four nodes that hold it together, against one process that reads what
it lacks from disk, every process with the same memory.

The model has 1.1 billion parameters in bfloat16 (2.2 GB), random. Each process is in a control group whose limit counts
its page cache too; the kernel's pages of all files are dropped before each run, and reads go to the disk. Peers:
    streaming    the strong one, which the ratio is against: as many layers resident as fit, the next of the others
                 read while one computes (support/streaming.py);
    accelerate   stock transformers with accelerate's disk offload, where that package is installed;
    whole        `generate` with all the memory it wants: the ceiling.
All have the same prompt, cores and dtype, and must give the same tokens (accelerate, which is slow, the first few of
them). The coordinator holds no weights and is not limited. Nodes on one machine share its cores, which they use in
turn, each with as many threads as a peer has, and its memory's bandwidth: what is measured is the effect of memory, not
that of four machines' arithmetic.

The limit is what it takes to read every weight but the embedding once at the memory bandwidth measured here.
"""

import argparse
import importlib.util
import json
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from support.files import drop_cache, in_memory
from support.layer_files import LayerFiles
from support.limited import run_limited
from support.limited_nodes import NodesAnswer, run_nodes
from support.memory_group import DidNotFit, NoMemoryGroups, Parent, find_parent
from support.peer import Answer, Kind, Request
from support.random_llama import CONFIG, clearest, write_model
from support.stopping import stoppable

from strata.inference import Checkpoint, profile_model
from strata.inference.plan.measure import measure_node

NODES = 4
SEED = 1
PROMPT_TOKENS = 16
PROMPTS = 24  # of which the clearest is taken
GB = 10**9
UNLIMITED = 1 << 40


class Bench:
    """The model on disk, in the forms that each contestant reads, and the runs."""

    def __init__(self, folder: Path, parent: Parent, arguments: argparse.Namespace) -> None:
        self._folder, self._parent, self._arguments = folder, parent, arguments
        self._model, self._layers, self._home = folder / "model", folder / "layers", folder / "home"
        _say("write a random model of 1.1 billion parameters")
        write_model(self._model, SEED)
        checkpoint = Checkpoint.open(self._model)
        self.layer_files = LayerFiles(checkpoint, self._layers, CONFIG["num_hidden_layers"])
        self.layer_files.write(checkpoint)
        profile = profile_model(self._model, "bfloat16")
        self.bytes = profile.total_bytes
        self.bytes_read = profile.total_bytes - checkpoint["model.embed_tokens.weight"].nbytes
        _say(f"look for the clearest of {PROMPTS} prompts")
        self.prompt, self.lead = clearest(self._model, PROMPTS, PROMPT_TOKENS, arguments.tokens, SEED)
        self.expected: list[int] = []

    def peer(self, kind: Kind, nbytes: int, tokens: int) -> Answer | None:
        """One run of a peer; None where it does not fit."""
        drop_cache([self._model, self._layers])
        with tempfile.TemporaryDirectory(dir=self._folder) as scratch:
            request = Request(
                kind, str(self._model), str(self._layers), scratch, self.prompt, tokens, self._arguments.threads
            )
            try:
                answer = run_limited(request, self._parent, nbytes)
            except DidNotFit as error:
                _say(f"{kind} within {nbytes / GB:g} GB: does not fit ({error})")
                return None
        self._check(kind, answer.tokens)
        where = f"within {nbytes / GB:g} GB" if nbytes < UNLIMITED else "with all the memory"
        _say(f"{kind} {where}: {_figures(answer)}, {answer.resident} layers resident")
        return answer

    def ours(self, nbytes: int) -> NodesAnswer | None:
        """One run of the nodes; None where they do not fit."""
        self._home.mkdir(exist_ok=True)
        drop_cache([self._model, self._home])
        tokens, threads = self._arguments.tokens, self._arguments.threads
        try:
            answer = run_nodes(self._model, self._home, NODES, threads, self._parent, nbytes, self.prompt, tokens)
        except DidNotFit as error:
            _say(f"{NODES} nodes within {nbytes / GB:g} GB each: do not fit ({error})")
            return None
        self._check("nodes", answer.result.token_ids[0])
        _say(
            f"{NODES} nodes within {nbytes / GB:g} GB each: {_figures(answer.result)}; "
            f"{answer.bytes_sent / GB:.1f} GB sent, shards ready after {answer.load_seconds:.0f} s"
        )
        return answer

    def _check(self, who: str, tokens: list[int]) -> None:
        if not self.expected:
            self.expected = tokens
        if tokens != self.expected[: len(tokens)]:
            raise SystemExit(f"the tokens differ: {who} gave {tokens}, the whole model {self.expected}")

    def accelerate(self, nbytes: int, tokens: int) -> Answer | None:
        """As `peer`; None, said loudly, also where accelerate is not installed."""
        if importlib.util.find_spec("accelerate") is None:
            print("NOT MEASURED: accelerate is not installed (pip install accelerate)", file=sys.stderr)
            return None
        return self.peer("accelerate", nbytes, tokens)


def sweep_entry(gigabytes: float, ours: list[NodesAnswer | None], peers: list[Answer | None]) -> dict[str, Any]:
    """What the runs within one limit came to: medians; null for what did not fit."""
    fitting = [run for run in ours if run is not None]
    streamed = [run for run in peers if run is not None]
    mine = statistics.median(run.result.seconds_per_token for run in fitting) if fitting else None
    theirs = statistics.median(run.seconds_per_token for run in streamed) if streamed else None
    return {
        "gigabytes": gigabytes,
        "ours": mine,
        "peer": theirs,
        "ratio": theirs / mine if mine and theirs else None,
        "seconds_to_first_token": _median([run.result.seconds_to_first_token for run in fitting]),
        "peer_seconds_to_first_token": _median([run.seconds_to_first_token for run in streamed]),
        "peer_resident_layers": streamed[0].resident if streamed else None,
        "cores": fitting[0].cores if fitting else None,
        "threads_of_each_node": fitting[0].threads if fitting else None,
        "peer_cores": streamed[0].cores if streamed else None,
        "peer_threads": streamed[0].threads if streamed else None,
        "node_group_bytes": max((n for run in fitting for n in run.counted if n is not None), default=None),
    }


def measure(arguments: argparse.Namespace, parent: Parent, folder: Path) -> dict[str, Any]:
    """All runs; the report."""
    load = os.getloadavg()[0]  # of others: what they do to the figures differs from one contestant to the next
    bandwidth = measure_node(1 << 30).bandwidth
    bench = Bench(folder, parent, arguments)
    _say(f"the closest call of the answer is won by {bench.lead:.3f} standard deviations of its logits")
    disk = bench.layer_files.disk_bandwidth()
    _say(f"the disk reads {disk / GB:.2f} GB a second past the page cache, the memory {bandwidth / GB:.1f}")
    whole = bench.peer("whole", UNLIMITED, arguments.tokens)
    assert whole is not None
    sweep: list[dict[str, Any]] = []
    accelerate: Answer | None = None
    for gigabytes in arguments.limits:
        nbytes, ours, peers = int(gigabytes * GB), [], []
        headline = gigabytes == arguments.headline
        for _ in range(arguments.repeats if headline else 1):
            ours.append(bench.ours(nbytes))
            peers.append(bench.peer("streaming", nbytes, arguments.tokens))
        sweep.append(sweep_entry(gigabytes, ours, peers))
        if headline:
            accelerate = bench.accelerate(nbytes, arguments.accelerate_tokens)
    main_entry = next(entry for entry in sweep if entry["gigabytes"] == arguments.headline)
    return {
        "name": "offload",
        "ours": main_entry["ours"],
        "peer": main_entry["peer"],
        "unit": "seconds a token",
        "ratio": main_entry["ratio"],
        "limit": bench.bytes_read / bandwidth,
        "peer_name": "one process: resident layers that fit, the others prefetched from disk",
        "gigabytes_per_process": arguments.headline,
        "model_bytes": bench.bytes,
        "nodes": NODES,
        "tokens": arguments.tokens,
        "prompt_tokens": PROMPT_TOKENS,
        "repeats": arguments.repeats,
        **{name: main_entry[name] for name in ("cores", "threads_of_each_node", "peer_cores", "peer_threads")},
        "load_average": load,
        "disk_bytes_per_second": disk,
        "memory_bytes_per_second": bandwidth,
        "least_lead": bench.lead,
        "accelerate": accelerate.seconds_per_token if accelerate else None,
        "accelerate_seconds_to_first_token": accelerate.seconds_to_first_token if accelerate else None,
        "unlimited": whole.seconds_per_token,
        "unlimited_seconds_to_first_token": whole.seconds_to_first_token,
        "sweep": sweep,
    }


def not_measured(why: str) -> dict[str, Any]:
    """Say so loudly; the report without figures."""
    print(f"NOT MEASURED: {why}", file=sys.stderr)
    unmeasured = dict.fromkeys(("ours", "peer", "ratio", "limit", "accelerate"))
    return {"name": "offload", "unit": "seconds a token", **unmeasured, "sweep": [], "why": why}


def _median(values: list[float]) -> float | None:
    return statistics.median(values) if values else None


def _figures(run: Any) -> str:
    return f"{run.seconds_per_token:.3f} s a token, the first after {run.seconds_to_first_token:.2f} s"


def _say(line: str) -> None:
    print(f"{time.strftime('%H:%M:%S')} {line}", flush=True)


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--tokens", type=int, default=12)
    parser.add_argument("--accelerate-tokens", type=int, default=4)
    parser.add_argument("--limits", type=float, nargs="+", default=[0.7, 1.0, 1.5, 2.0, 2.6, 3.2], help="GB a process")
    parser.add_argument("--headline", type=float, default=1.0, help="the limit that the ratio is of")
    parser.add_argument("--repeats", type=int, default=3, help="runs within the headline limit")
    parser.add_argument(
        "--cores", type=int, default=os.cpu_count(), help="for all nodes together, and as many for a peer; default: all"
    )
    parser.add_argument(
        "--threads", type=int, default=None, help="of each node and of each peer; default: one for each of the cores"
    )
    parser.add_argument("--folder", type=Path, default=None, help="where 7 GB of files may lie; not in memory")
    arguments = parser.parse_args()
    with stoppable():
        print(json.dumps(run(arguments)))


def run(arguments: argparse.Namespace) -> dict[str, Any]:
    """Measure where that is possible here; the report."""
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: arguments.cores])
    arguments.threads = arguments.threads or len(os.sched_getaffinity(0))
    arguments.limits = sorted({*arguments.limits, arguments.headline})
    try:
        parent = find_parent()
    except NoMemoryGroups as error:
        return not_measured(str(error))
    with tempfile.TemporaryDirectory(dir=arguments.folder, prefix="strata-offload-") as folder:
        if in_memory(Path(folder)):
            return not_measured(f"{folder} is in memory, not on a disk (give another --folder)")
        return measure(arguments, parent, Path(folder))


if __name__ == "__main__":
    main()
