"""Improve a placement by two exact steps, in turn, until neither helps.

- Exchange: keep the cuts and every second node; deal the other stages out again among their nodes and the unused ones.
  Such stages share no link, so this is an assignment problem, solved at once for all of them.
- Pieces: place a few neighbouring stages again, cuts and all, with nodes that are not in use, by the exact solver
  (large neighbourhood search, Shaw 1998).
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

import numpy as np
from scipy.optimize import linear_sum_assignment

from strata.inference.placement import exact
from strata.inference.placement.problem import Objective, Problem, Span, Stages

PIECE_STAGES = 8
PIECE_NODES = exact.MAX_NODES
# Overhead of one call of the exact solver, in its own units of work.
_CALL_WORK = 2_000_000
_LEAST_GAIN = 1e-12


def improve(problem: Problem, stages: Stages, objective: Objective, work: int) -> Stages:
    """Stages at least as good as the given ones; `work` bounds the exact solver's steps altogether."""
    offset = 0
    while True:
        stages = _exchange(problem, stages, objective)
        value = problem.value(stages, objective)
        for piece, extra in _pieces(problem, stages, objective, offset):
            nodes = [stage.node for stage in stages[piece]] + extra
            layers = stages[piece][-1].last + 1 - stages[piece][0].first
            work -= (len(nodes) ** 2 << len(nodes)) * layers + _CALL_WORK
            if work < 0:
                return stages
            changed = _again(problem, stages, piece, nodes, objective)
            if changed is not None and problem.value(changed, objective) < value * (1 - _LEAST_GAIN):
                stages = changed
                break
        else:
            return stages
        offset += 1


def _exchange(problem: Problem, stages: Stages, objective: Objective) -> Stages:
    """Deal even and odd stages out again, in turn, while the value falls."""
    idle = turn = 0
    while idle < 2:
        changed = _dealt_again(problem, stages, objective, turn % 2)
        before, after = problem.value(stages, objective), problem.value(changed, objective)
        # An equal bottleneck is kept too: the other parts are shorter now, which gives the next deal more room.
        stages = changed if after <= before else stages
        idle, turn = 0 if after < before * (1 - _LEAST_GAIN) else idle + 1, turn + 1
    return stages


def _dealt_again(problem: Problem, stages: Stages, objective: Objective, parity: int) -> Stages:
    """The best nodes for every second stage, the cuts and the nodes between them left as they are."""
    nodes, first, last = (np.array(column) for column in zip(*stages, strict=True))
    places = np.arange(parity, len(stages), 2)
    unused = np.setdiff1d(np.arange(problem.nodes), nodes)
    offered = np.concatenate([nodes[places], unused])
    stays = problem.stage_seconds[offered][:, first[places], last[places] + 1].T
    into, out = np.zeros_like(stays), np.zeros_like(stays)
    later, earlier = places > 0, places < len(stages) - 1
    into[later] = problem.links[nodes[places[later] - 1]][:, offered]
    out[earlier] = problem.links[offered][:, nodes[places[earlier] + 1]].T
    if objective == "latency":
        costs = stays + into + out
    else:
        # A high power of the longest part: its sum is ruled by the largest, and nothing may pass today's bottleneck.
        costs = np.maximum.reduce([stays, into, out]) / (problem.value(stages, objective) or 1.0)
        costs = np.where(costs > 1, np.inf, costs**16)
    allowed = np.isfinite(costs)
    refused = 1 + len(places) * float(costs[allowed].max(initial=0.0))
    rows, columns = linear_sum_assignment(np.where(allowed, costs, refused))
    if not allowed[rows, columns].all():
        return stages
    changed = list(stages)
    for row, column in zip(rows.tolist(), columns.tolist(), strict=True):
        changed[places[row]] = stages[places[row]]._replace(node=int(offered[column]))
    return tuple(changed)


def _pieces(problem: Problem, stages: Stages, objective: Objective, offset: int) -> Iterator[tuple[slice, list[int]]]:
    """Pieces worth a try, with the unused nodes to offer them: around the bottleneck, or all along the pipeline."""
    unused = [node for node in range(problem.nodes) if all(stage.node != node for stage in stages)]
    count = max(1, len(stages) - PIECE_STAGES + 1)
    starts = [(offset * PIECE_STAGES + i) % count for i in range(count)]
    if objective == "throughput":
        worst = _bottleneck(problem, stages)
        starts = [start for start in range(count) if start <= worst < start + PIECE_STAGES]
    for start in starts:
        piece = slice(start, min(start + PIECE_STAGES, len(stages)))
        layers = slice(stages[piece][0].first, stages[piece][-1].last + 1)
        # Fast nodes for these layers first, then those with much memory.
        seconds = problem.seconds[unused, layers].sum(axis=1)
        order = [unused[i] for i in np.argsort(seconds, kind="stable")]
        room = PIECE_NODES - (piece.stop - piece.start)
        for begin in range(0, max(1, min(len(order), 3 * room)), room):
            yield piece, order[begin : begin + room]


def _bottleneck(problem: Problem, stages: Stages) -> int:
    """Index of the slowest stage, or of the stage before the slowest link."""
    parts = [problem.seconds[s.node, s.first : s.last + 1].sum() for s in stages]
    hops = [problem.links[a.node, b.node] for a, b in pairwise(stages)] + [0.0]
    return int(np.argmax(np.maximum(parts, hops)))


def _again(problem: Problem, stages: Stages, piece: slice, nodes: list[int], objective: Objective) -> Stages | None:
    """The stages with those of `piece` placed anew on `nodes`."""
    first, last = stages[piece][0].first, stages[piece][-1].last
    none = np.zeros(len(nodes))
    part = replace(
        problem,
        seconds=problem.seconds[nodes, first : last + 1],
        sizes=problem.sizes[first : last + 1],
        capacity=problem.capacity[nodes],
        links=problem.links[np.ix_(nodes, nodes)],
        enter=problem.links[stages[piece.start - 1].node, nodes] if piece.start else none,
        leave=problem.links[nodes, stages[piece.stop].node] if piece.stop < len(stages) else none,
    )
    found = exact.solve(part, objective)
    if found is None:
        return None
    new = tuple(Span(nodes[s.node], s.first + first, s.last + first) for s in found)
    return stages[: piece.start] + new + stages[piece.stop :]
