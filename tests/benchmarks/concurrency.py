"""Tokens a second of many sessions at a time over local nodes, against one session on the same nodes.

All answers are greedy and equally long, prompts are of different lengths. Each prompt is also answered alone, half of
them before and half after the many; the peer's rate is the tokens of these answers over their time. Answers that
differ are counted: a sum in another order may tip two tokens that are all but equally likely. Time to the first token
is counted from the common start, waiting included. No limit is stated: it depends on how fast products of a few rows
are, which is no property of the machine alone.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

import trio

from strata.inference import (
    Checkpoint,
    Coordinator,
    GenerationParams,
    GenerationResult,
    LocalCluster,
    Plan,
    balanced_plan,
    profile_model,
    resolve_model,
)
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from strata.settings import Settings

CONTEXT = 512
QUESTIONS = (
    "Tell me a story about a boat.",
    "Why is the sea salty?",
    "Name three colours of the rainbow and say what each of them reminds you of.",
    "Write a short letter to a friend who moved to another city. Ask how the new flat is, tell about the garden, the "
    "neighbours and the weather here, and invite them for the summer.",
)


def prompts_of(count: int) -> list[str]:
    """Prompts of which no two are alike, from a few words to some hundred."""
    repeated = [QUESTIONS[number % len(QUESTIONS)] for number in range(count)]
    return [f"Request number {number}. " * (1 + 3 * (number % 5)) + text for number, text in enumerate(repeated)]


def percentile(values: Sequence[float], share: float) -> float:
    """The smallest of `values` that at least `share` of them do not exceed."""
    ordered = sorted(values)
    return ordered[max(0, -int(-share * len(ordered) // 1) - 1)]


async def answer_together(
    coordinator: Coordinator, checkpoint: Checkpoint, plan: Plan, prompts: Sequence[str], params: GenerationParams
) -> tuple[list[GenerationResult], list[float], float]:
    """Results, seconds from the common start to each one's first token, and seconds until the last has ended."""
    started = time.perf_counter()
    first: dict[int, float] = {}

    def on_text(row: int, _: str) -> None:
        first.setdefault(row, time.perf_counter() - started)

    results = await coordinator.generate_each(checkpoint, plan, prompts, params, on_text)
    seconds = time.perf_counter() - started
    return results, [first[row] for row in range(len(prompts))], seconds


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=16)
    parser.add_argument("--nodes", type=int, default=4)
    parser.add_argument("--tokens", type=int, default=96)
    parser.add_argument("--dtype", default="float32")
    parser.add_argument("--threads", type=int, default=None, help="of each node; default: its share of the cores")
    arguments = parser.parse_args()
    params = GenerationParams(max_new_tokens=arguments.tokens, stop=frozenset())
    prompts = prompts_of(arguments.sessions)

    async def run(cluster: LocalCluster, model: Path, home: Path) -> None:
        key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
        checkpoint, profile = Checkpoint.open(model), profile_model(model, arguments.dtype)
        async with Coordinator.connect(key, roster, home, cluster.mesh_file.read_bytes()) as coordinator:
            plan = balanced_plan(profile, await coordinator.inventory(), context=CONTEXT, batch=arguments.sessions)
            await coordinator.distribute(checkpoint, plan)

            async def alone(prompt: str) -> tuple[GenerationResult, float]:
                started = time.perf_counter()
                result = await coordinator.generate(checkpoint, plan, [prompt], params)
                return result, time.perf_counter() - started

            await alone(prompts[0])
            half = (len(prompts) + 1) // 2
            before = [await alone(prompt) for prompt in prompts[:half]]
            results, first, seconds = await answer_together(coordinator, checkpoint, plan, prompts, params)
            after = [await alone(prompt) for prompt in prompts[half:]]
        report(arguments, [*before, *after], results, first, seconds)

    with tempfile.TemporaryDirectory() as folder:
        home = Path(folder)
        model = resolve_model("smollm2", Settings(STRATA_HOME=home))
        with LocalCluster(home, arguments.nodes, threads=arguments.threads) as cluster:
            trio.run(run, cluster, model, home)


def report(
    arguments: argparse.Namespace,
    alone: Sequence[tuple[GenerationResult, float]],
    results: Sequence[GenerationResult],
    first: Sequence[float],
    seconds: float,
) -> None:
    """Print the figures; the last line is JSON."""
    tokens = sum(result.tokens for result in results)
    ours = tokens / seconds
    peer = sum(result.tokens for result, _ in alone) / sum(taken for _, taken in alone)
    different = [
        row
        for row, (result, (single, _)) in enumerate(zip(results, alone, strict=True))
        if result.token_ids != single.token_ids
    ]
    for row in different:
        ours_ids, theirs_ids = results[row].token_ids[0], alone[row][0].token_ids[0]
        place = next(i for i, (one, other) in enumerate(zip(ours_ids, theirs_ids, strict=True)) if one != other)
        print(f"session {row} gives other tokens than alone from token {place} on")
    print(
        f"{len(results)} sessions: {ours:.1f} tokens/s, one: {peer:.1f}; first token after "
        f"{statistics.median(first):.2f} s (median), {percentile(first, 0.95):.2f} s (95th percentile)"
    )
    lengths = [result.prompt_tokens for result in results]
    figures = {
        "name": "concurrency",
        "ours": ours,
        "peer": peer,
        "unit": "tokens a second",
        "ratio": ours / peer,
        "limit": None,
        "peer_name": "one session on the same nodes",
        "sessions": arguments.sessions,
        "nodes": arguments.nodes,
        "dtype": arguments.dtype,
        "tokens": arguments.tokens,
        "prompt_tokens": [min(lengths), max(lengths)],
        "first_token_seconds_median": statistics.median(first),
        "first_token_seconds_p95": percentile(first, 0.95),
        "alone_first_token_seconds_median": statistics.median(r.seconds_to_first_token for r, _ in alone),
        "different_answers": len(different),
    }
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
