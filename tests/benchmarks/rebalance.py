"""Tokens a second of many sessions over 12 nodes of which one becomes slow: the static plan, and after rebalancing.

Each node is confined by a control group to a share of a core that is its own, so that it is a machine of that speed
(the shares together leave the coordinator room); one node is then given a quarter of its share. In one run, while all
sessions go on:

    even    the plan while all nodes are equally fast: what 12 such nodes do with it, given as the limit, though another
            plan may do better on them;
    static  the same plan with the slow node, the peer;
    ours    after `Coordinator.rebalance`, with the slow node still as slow.

Every session's tokens must be those that the whole model gives in one process.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path

import trio
from support.cpu_group import CpuGroup, NoCpuGroups, cpu_group

from strata.inference import (
    Checkpoint,
    Coordinator,
    GenerationParams,
    LocalCluster,
    Plan,
    balanced_plan,
    generate_locally,
    layer_span,
    profile_model,
    resolve_model,
)
from strata.inference.rebalance.decide import Move
from strata.inference.run import remote_session
from strata.inference.run.placed import Placement
from strata.inference.run.rebalancing import Rebalanced
from strata.mesh import Roster, read_membership
from strata.secure import Identity
from strata.settings import Settings

NODES = 12
SLOWER = 4
PERIOD_US = 32_000
SHARE = 0.125  # of a core; 12 of them are one and a half of two cores
CONTEXT = 256
PROMPT = 12  # tokens, another one for each session
REQUIRED = 1.5


def accepted(placement: Placement) -> int:
    """Tokens that the running sessions have got so far."""
    return sum(generation.decoding.accepted for generation in placement.generations)


async def tokens_a_second(placement: Placement, settle: float, seconds: float) -> float:
    """Of all sessions, over `seconds` after `settle`."""
    await trio.sleep(settle)
    start, before = trio.current_time(), accepted(placement)
    await trio.sleep(seconds)
    return (accepted(placement) - before) / (trio.current_time() - start)


async def measure(
    cluster: LocalCluster, groups: dict[str, CpuGroup], model: Path, home: Path, options: argparse.Namespace
) -> dict:
    """All three figures, the move, and the sessions' tokens."""
    key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
    checkpoint = Checkpoint.open(model)
    prompts = [[1 + (row * 131 + place * 17) % 40_000 for place in range(PROMPT)] for row in range(options.sessions)]
    params = GenerationParams(max_new_tokens=CONTEXT - PROMPT, stop=frozenset())
    async with Coordinator.connect(key, roster, home, cluster.mesh_file.read_bytes()) as coordinator:
        plan = balanced_plan(profile_model(model, "float32"), await coordinator.inventory(), context=CONTEXT)
        await coordinator.distribute(checkpoint, plan)
        placement = coordinator._placements.setdefault(plan, Placement(plan))
        async with trio.open_nursery() as nursery:
            for prompt in prompts:
                nursery.start_soon(coordinator.generate, checkpoint, plan, [prompt], params)
            while len(placement.generations) < len(prompts) or not all(
                generation.decoding.accepted for generation in placement.generations
            ):
                await trio.sleep(0.2)
            for group, node in zip(groups.values(), cluster.nodes, strict=True):
                group.limit(SHARE, PERIOD_US)
                group.add(node.process.pid)
            even = await tokens_a_second(placement, options.settle, options.seconds)
            print(f"12 nodes of equal speed: {even:.2f} tokens a second")
            groups[options.slow].limit(SHARE / SLOWER, PERIOD_US)
            static = await tokens_a_second(placement, options.settle, options.seconds)
            print(f"{options.slow} at a quarter of its speed, the same plan: {static:.2f} tokens a second")
            started = trio.current_time()
            done = await coordinator.rebalance(checkpoint, plan, horizon=options.horizon)
            took = trio.current_time() - started
            show(done, took)
            ours = await tokens_a_second(placement, 1.0, options.seconds)
            print(f"after rebalancing: {ours:.2f} tokens a second")
            sessions = list(placement.generations)
            pauses = [pause for generation in sessions for pause in generation.pauses]
            outputs = {tuple(g.decoding.first_inputs[0]): list(g.decoding.outputs[0]) for g in sessions}
            nursery.cancel_scope.cancel()
    return {
        "even": even, "static": static, "ours": ours, "done": done, "took": took, "pauses": pauses, "outputs": outputs,
        "plan": plan,
    }  # fmt: skip


def _stages(plan: Plan) -> str:
    return ", ".join(f"{s.node} ({layer_span(s.first, s.last)}) {s.seconds * 1e3:.1f}" for s in plan.stages)


def show(done: Rebalanced, took: float) -> None:
    """The decision and the move."""
    print(f"measured ms a step: {_stages(done.decision.before)}")
    print(done.decision.why)
    if isinstance(done.decision, Move):
        print(f"predicted: {_stages(done.decision.plan)}")
        cost = done.decision.cost
        print(
            f"{done.decision.seconds * 1e3:.1f} ms between two steps, {done.decision.predicted * 1e3:.1f} predicted; "
            f"cost predicted: {cost.bytes_sent / 2**20:.1f} MiB sent in {cost.send:.2f} s, {cost.load:.2f} s to load, "
            f"{cost.replay:.2f} s to feed {done.reading.tokens} tokens again"
        )
        print(f"judged: {done.judgement.why if done.judgement else 'nothing was measured'}")
        print(f"all stopped for {done.pause:.2f} s; measuring, moving and judging took {took:.1f} s")


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--sessions", type=int, default=24)
    parser.add_argument("--slow", default="node-6", help="which node becomes slow")
    parser.add_argument("--seconds", type=float, default=20.0, help="of each measurement")
    parser.add_argument("--settle", type=float, default=8.0, help="seconds before each measurement")
    parser.add_argument("--horizon", type=float, default=300.0, help="seconds that the optimiser is told to plan for")
    options = parser.parse_args()
    # Sessions are grouped by how many stages can be at work at once. Nodes with addresses of this machine are taken to
    # share its cores; these have a processor of their own each.
    remote_session.stages_at_once = len
    with ExitStack() as stack:
        home = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        model = resolve_model("smollm2", Settings(STRATA_HOME=home))
        try:
            groups = {f"node-{n}": stack.enter_context(cpu_group(f"node-{n}")) for n in range(1, NODES + 1)}
        except NoCpuGroups as error:
            print(f"NOT MEASURED: nodes cannot be confined to a share of a core: {error}", file=sys.stderr)
            raise SystemExit(1) from error
        with LocalCluster(home, NODES, threads=1) as cluster:
            found = trio.run(measure, cluster, groups, model, home, options)
        same = check_tokens(model, found["outputs"])
    ratio = found["ours"] / found["static"]
    done: Rebalanced = found["done"]
    report = {
        "name": "rebalance",
        "ours": found["ours"],
        "peer": found["static"],
        "unit": "tokens a second",
        "ratio": ratio,
        "limit": found["even"],
        "limit_name": "the static plan on 12 nodes of full speed",
        "peer_name": f"the static plan with {options.slow} at 1/{SLOWER} of its speed",
        "required": REQUIRED,
        "sessions": options.sessions,
        "tokens_compared": same,
        "moved": isinstance(done.decision, Move),
        "kept": done.judgement.kept if done.judgement is not None else None,
        "bytes_sent": done.decision.cost.bytes_sent if isinstance(done.decision, Move) else 0,
        "predicted_step_seconds": done.decision.predicted if isinstance(done.decision, Move) else None,
        "stopped_seconds": done.pause,
        "pause_seconds_median": statistics.median(found["pauses"]) if found["pauses"] else None,
        "pause_seconds_longest": max(found["pauses"], default=None),
        "rebalance_seconds": found["took"],
        "share_of_a_core": SHARE,
        "cores": os.cpu_count(),
    }
    print(json.dumps(report))
    if ratio < REQUIRED:
        raise SystemExit(f"{ratio:.2f} times, {REQUIRED} are required")


def check_tokens(model: Path, outputs: dict[tuple[int, ...], list[int]]) -> int:
    """Compare with the whole model in this process, all sessions as one batch; returns how many tokens were equal."""
    longest = max(map(len, outputs.values()))
    params = GenerationParams(max_new_tokens=longest, stop=frozenset())
    alone = generate_locally(model, [list(prompt) for prompt in outputs], params, dtype="float32")
    for expected, (prompt, tokens) in zip(alone.token_ids, outputs.items(), strict=True):
        if tokens != expected[: len(tokens)]:
            at = next(index for index, (a, b) in enumerate(zip(tokens, expected, strict=False)) if a != b)
            raise SystemExit(f"the tokens of the prompt {prompt} differ from token {at} on")
    return sum(map(len, outputs.values()))


if __name__ == "__main__":
    main()
