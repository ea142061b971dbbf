"""Seconds a token with drafts from the text itself against none: the same answers from four encrypted local nodes.

Three prompts: two whose answers repeat what they were given (a text to copy, a function to rename), and one whose
answer does not (a story), where drafts mostly cost. Answers with and without are made in turns and must have the same
tokens; medians of the repeats. First the nodes are reached directly: then a step costs arithmetic and memory, and one
of 1 + k tokens more than one of 1. Then a relay before every node holds up what it is sent, and what it answers, for
`--delay` milliseconds, as if the machines were that far apart. The headline is the text to copy, apart. The limit is
what a token would take if every step had K right drafts that cost nothing.
"""

import argparse
import json
import statistics
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import trio
from support.relay import put_relays

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
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from strata.settings import Settings

NODES = 4
TEXT = (
    "The lighthouse at Marrow Point was built in 1871 by the brothers Ansel and Otto Reim. It stood forty metres high "
    "and its lamp burned whale oil until 1902, when it was replaced by an acetylene burner. The keeper, Martha Velde, "
    "lived there for thirty-one years and kept a diary of every ship that passed."
)
CODE = """def area(shape):
    if shape.kind == "circle":
        return 3.14159 * shape.radius * shape.radius
    if shape.kind == "square":
        return shape.side * shape.side
    if shape.kind == "rectangle":
        return shape.width * shape.height
    raise ValueError("unknown shape")
"""
PROMPTS = {
    "copy": f"Repeat the following text word for word: {TEXT}",
    "code": f"Rename the function area to surface in the following code, and give all of it:\n{CODE}",
    "story": "Tell me a story about a boat.",
}

Measured = dict[str, list[tuple[GenerationResult, GenerationResult]]]  # by prompt: without and with drafts


async def measure(cluster: LocalCluster, model: Path, home: Path, arguments: argparse.Namespace) -> Measured:
    """All prompts with and without drafts, in turns."""
    key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
    checkpoint, measured = Checkpoint.open(model), {name: [] for name in PROMPTS}
    plain = GenerationParams(max_new_tokens=arguments.tokens)
    speculating = replace(plain, speculate=arguments.speculate)
    async with Coordinator.connect(key, roster, home, cluster.mesh_file.read_bytes()) as coordinator:
        profile = profile_model(model, arguments.dtype)
        plan = balanced_plan(profile, await coordinator.inventory(), context=512)
        await coordinator.distribute(checkpoint, plan)
        await coordinator.generate(checkpoint, plan, [PROMPTS["copy"]], replace(speculating, max_new_tokens=16))
        for _ in range(arguments.repeats):
            for name, prompt in PROMPTS.items():
                without = await coordinator.generate(checkpoint, plan, [prompt], plain)
                drafted = await coordinator.generate(checkpoint, plan, [prompt], speculating)
                if without.token_ids != drafted.token_ids and arguments.dtype == "float32":
                    raise SystemExit("the tokens differ")
                measured[name].append((without, drafted))
    return measured


async def measure_apart(cluster: LocalCluster, model: Path, home: Path, arguments: argparse.Namespace) -> Measured:
    """The same with a delay before every node."""
    async with trio.open_nursery() as nursery:
        await put_relays(cluster, nursery, arguments.delay / 1000)
        measured = await measure(cluster, model, home, arguments)
        nursery.cancel_scope.cancel()
    return measured


def _median(results: Sequence[GenerationResult]) -> float:
    return statistics.median(result.seconds_per_token for result in results)


def figures(measured: Measured, where: str) -> dict[str, dict[str, float]]:
    """Print and return the figures of each prompt."""
    found = {}
    for name, pairs in measured.items():
        without, drafted = zip(*pairs, strict=True)
        ours, peer, last = _median(drafted), _median(without), drafted[-1]
        found[name] = {
            "seconds": ours,
            "peer_seconds": peer,
            "ratio": peer / ours,
            "tokens": last.tokens,
            "drafted": last.drafted,
            "accepted": last.accepted,
            "same_tokens": all(one.token_ids == other.token_ids for one, other in pairs),
        }
        print(
            f"{where}, {name}: {ours * 1e3:.1f} ms a token with drafts, {peer * 1e3:.1f} without ({peer / ours:.2f}); "
            f"{last.accepted} of {last.drafted} drafts right in {last.tokens} tokens",
            flush=True,
        )
    return found


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--tokens", type=int, default=80)
    parser.add_argument("--speculate", type=int, default=16, help="drafts of a step at most")
    parser.add_argument(
        "--delay", type=float, default=10.0, help="milliseconds that a message is held up; 0: not tried"
    )
    parser.add_argument("--dtype", default="float32", choices=["float32", "bfloat16", "float16"])
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = resolve_model("smollm2", Settings(STRATA_HOME=home))
        with LocalCluster(home, NODES) as cluster:
            near = figures(trio.run(measure, cluster, model, home, arguments), "directly")
            apart = {}
            if arguments.delay:
                where = f"{arguments.delay:g} ms apart"
                apart = figures(trio.run(measure_apart, cluster, model, home, arguments), where)
    headline = (apart or near)["copy"]
    report = {
        "name": "speculate",
        "ours": headline["seconds"],
        "peer": headline["peer_seconds"],
        "unit": "seconds a token",
        "ratio": headline["ratio"],
        "limit": headline["peer_seconds"] / (1 + arguments.speculate),
        "peer_name": "the same nodes without drafts",
        "dtype": arguments.dtype,
        "nodes": NODES,
        "speculate": arguments.speculate,
        "delay_seconds": arguments.delay / 1000,
        "repeats": arguments.repeats,
        "directly": near,
        "apart": apart,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
