"""Moves of modules between packages that lower the coupling across them.

A greedy descent, and simulated annealing (Kirkpatrick, Gelatt and Vecchi, Science 220, 1983) at several prices for a
move, because a limit on their number is best spent where each gains most; each run ends in a descent. The problem is
the graph partitioning of Kernighan and Lin (1970), with a start that few may leave.
"""

import heapq
import math
import random
from collections.abc import Iterator
from dataclasses import replace

from strata.migration.coupling import Moving
from strata.migration.refactor.arrangement import Arrangement
from strata.migration.refactor.layout import Aim, Layout, Limits, Proposal

PRICES = (0.0, 1.0, 2.0, 0.0, 1.0, 2.0)  # of a move in each start, in weights of a usual edge, beside the limits' own
TRIES = 500  # of each module that may move, in one annealing
MOST_TRIES = 300_000
HOT, COLD = 1.5, 0.05  # temperatures, in mean weights of an edge
HOMEWARD = 0.1  # of the tries send a module home
DEFAULT = Limits()
_LEAST = 1e-9  # a gain; less is rounding


def optimise(
    layout: Layout, limits: Limits = DEFAULT, *, aim: Aim = "pairs", seed: int = 0, effort: float = 1.0
) -> Proposal:
    """The best moves found; the same for the same seed.

    aim: the number that falls. effort: share of the usual number of tries; 0 for the greedy descent alone.
    """
    unit = sum(layout.weights.values()) / max(len(layout.weights), 1) if aim == "weighted" else 1.0
    found = []
    for at, price in enumerate(PRICES):
        arrangement = Arrangement(layout, replace(limits, price=limits.price + price * unit), aim)
        if effort:
            anneal(arrangement, random.Random(f"{seed} {at}"), unit, effort)  # noqa: S311
        arrangement.price = limits.price
        descend(arrangement)
        found.append(arrangement)
    best = min(found, key=lambda each: each.value)
    return propose(layout, best.moves())


def descend(arrangement: Arrangement) -> None:
    """Make the move that gains most, again and again, until none gains."""
    movable = frozenset(arrangement.movable)
    queue: list[tuple[float, int, int]] = []
    for module in arrangement.movable:
        _queue(arrangement, module, queue)
    while queue:
        fall, module, to = heapq.heappop(queue)
        stale = arrangement.gain(module, to) != -fall  # a neighbour has moved since; it was queued again then
        if stale or not arrangement.may(module, to) or not arrangement.move(module, to):
            continue
        for other in {module, *arrangement.neighbours[module]} & movable:
            _queue(arrangement, other, queue)


def anneal(arrangement: Arrangement, choice: random.Random, unit: float, effort: float) -> None:
    """Try moves at random; a bad one is made the more rarely the worse it is and the later. Ends at the best seen.

    unit: the weight of a usual edge, by which temperatures are counted.
    """
    movable = [module for module in arrangement.movable if arrangement.neighbours[module]]
    tries = int(effort * min(TRIES * len(movable), MOST_TRIES))
    heat, cooling = HOT * unit, (COLD / HOT) ** (1 / max(tries, 1))
    lowest, at_lowest = arrangement.value, list(arrangement.place)
    for module, to in _draws(arrangement, movable, choice, tries):
        heat *= cooling
        allowed = heat * -math.log(1 - choice.random())  # Metropolis: a loss above it is refused
        if _try(arrangement, module, to, allowed, choice) and arrangement.value < lowest - _LEAST:
            lowest, at_lowest = arrangement.value, list(arrangement.place)
    arrangement.restore(at_lowest)


def propose(layout: Layout, wanted: dict[str, str]) -> Proposal:
    """Moves as a proposal: in the order in which each gains most."""
    moving, left, moves, gains = Moving(layout.weights, layout.package), dict(wanted), [], []
    before = moving.total()
    while left:
        module = min(left, key=lambda each: (moving.delta(each, left[each]).pairs, each))
        gains.append(-moving.move(module, left[module]).pairs)
        moves.append((module, left.pop(module)))
    return Proposal(tuple(moves), tuple(gains), before, moving.total())


def _draws(
    arrangement: Arrangement, movable: list[int], choice: random.Random, tries: int
) -> Iterator[tuple[int, int]]:
    """Modules at random, each with the package of one of its neighbours; some that are away with their home."""
    for _ in range(tries):
        if arrangement.away and choice.random() < HOMEWARD:
            module = arrangement.away[int(choice.random() * len(arrangement.away))]
            yield module, arrangement.home[module]
            continue
        module = movable[int(choice.random() * len(movable))]
        beside = arrangement.neighbours[module]
        to = arrangement.place[beside[int(choice.random() * len(beside))]]
        if to != arrangement.place[module]:
            yield module, to


def _try(arrangement: Arrangement, module: int, to: int, allowed: float, choice: random.Random) -> bool:
    """Make the move unless it loses more than is allowed; where no more may be away, another goes home for it."""
    if not arrangement.is_full or arrangement.place[module] != arrangement.home[module]:
        return arrangement.gain(module, to) >= -allowed and arrangement.may(module, to) and arrangement.move(module, to)
    if not arrangement.away:
        return False
    other = arrangement.away[int(choice.random() * len(arrangement.away))]
    was, home, circle = arrangement.place[other], arrangement.home[other], arrangement.circle
    if arrangement.gain(module, to) + arrangement.gain(other, home) < -allowed:  # but for an edge between the two
        return False
    if not (arrangement.may(other, home) and arrangement.move(other, home)):
        return False
    if arrangement.may(module, to) and arrangement.move(module, to):
        return True
    arrangement.put(other, was, circle)
    return False


def _queue(arrangement: Arrangement, module: int, queue: list[tuple[float, int, int]]) -> None:
    targets = {arrangement.place[other] for other in arrangement.neighbours[module]} | {arrangement.home[module]}
    for to in sorted(targets - {arrangement.place[module]}):
        gain = arrangement.gain(module, to)
        if gain > (-_LEAST if to == arrangement.home[module] else _LEAST):  # a move for nothing is taken back
            heapq.heappush(queue, (-gain, module, to))
