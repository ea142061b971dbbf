"""Run Strata's nodes, each in a group of its own whose memory is bounded."""

import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import trio

from strata.inference import (
    Checkpoint,
    Coordinator,
    GenerationParams,
    GenerationResult,
    Infeasible,
    LocalCluster,
    NodeProfile,
    StageFailed,
    balanced_plan,
    profile_model,
)
from strata.mesh import Roster, read_membership
from strata.secure import Identity

from .memory_group import DidNotFit, MemoryGroup, Parent, confine, memory_group


@dataclass(frozen=True)
class NodesAnswer:
    """What came of it; load_seconds: until every node had its shard; counted: the most each group counted, in bytes,
    page cache included; cores: that any of the nodes might run on; threads: of each."""

    result: GenerationResult
    load_seconds: float
    bytes_sent: int
    counted: tuple[int | None, ...]
    cores: int
    threads: int


def run_nodes(
    model: Path, home: Path, nodes: int, threads: int, parent: Parent, nbytes: int, prompt: list[int], tokens: int
) -> NodesAnswer:
    """The answer of nodes that take no more than `nbytes` of memory each; raises DidNotFit.

    Shards are received, written, verified and loaded within the limit, the first time; their store stays below `home`.
    """
    with ExitStack() as stack:
        # The cluster is left before the groups are removed.
        groups = [stack.enter_context(memory_group(parent, f"node-{number}")) for number in range(1, nodes + 1)]
        cluster = stack.enter_context(LocalCluster(home, nodes, nbytes, threads))
        budgets = []
        for group, node in zip(groups, cluster.nodes, strict=True):
            budget = confine(group, node.process.pid, nbytes)
            budgets.append(NodeProfile(node.name, budget, 1.0, 1.0))
        try:
            return trio.run(_answer, model, home, cluster, budgets, groups, prompt, tokens, threads)
        except (Infeasible, StageFailed) as error:
            raise DidNotFit(str(error)) from error


async def _answer(
    model: Path,
    home: Path,
    cluster: LocalCluster,
    budgets: list[NodeProfile],
    groups: list[MemoryGroup],
    prompt: list[int],
    tokens: int,
    threads: int,
) -> NodesAnswer:
    key, roster = Identity.load(cluster.identity_file), Roster(read_membership(cluster.mesh_file))
    checkpoint = Checkpoint.open(model)
    context = len(prompt) + tokens
    plan = balanced_plan(profile_model(model, "bfloat16"), budgets, context=context)
    async with Coordinator.connect(key, roster, home, cluster.mesh_file.read_bytes()) as coordinator:
        start = trio.current_time()
        report = await coordinator.distribute(checkpoint, plan)
        seconds = trio.current_time() - start
        params = GenerationParams(max_new_tokens=tokens, stop=frozenset())
        result = await coordinator.generate(checkpoint, plan, [prompt], params)
    return NodesAnswer(
        result=result,
        load_seconds=seconds,
        bytes_sent=sum(shard.bytes_sent for shard in report.shards),
        counted=tuple(group.peak_bytes for group in groups),
        cores=len(set[int]().union(*(os.sched_getaffinity(node.process.pid) for node in cluster.nodes))),
        threads=threads,
    )
