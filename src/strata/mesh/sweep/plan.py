"""Which pairs are probed in a sweep, and by whom.

Half of an agent's budget is for links that are up, so that a change is seen at once. The other half goes through all
pairs in turn, as a round-robin tournament does (the circle method, T. P. Kirkman 1847): of n members in n - 1 rounds,
or n if n is odd, each meets each other once, and nobody is in two pairs of a round. So after ceil(n / (fan_out // 2))
sweeps of the same members every pair was seen, whatever was up meanwhile.
"""

import math
import random
from collections import Counter
from collections.abc import Collection, Mapping, Sequence

from strata.errors import StrataError
from strata.mesh.network import Pair, pair

FAN_OUT = 16

Assignment = Mapping[str, tuple[str, ...]]  # the peers that each prober probes


def plan_probes(
    members: Sequence[str],
    links: Collection[Pair],
    sweep: int,
    *,
    able: Collection[str] | None = None,
    fan_out: int = FAN_OUT,
    seed: int = 0,
) -> Assignment:
    """Who probes whom in the sweep of that number; nobody probes more than `fan_out` (at least 2) peers.

    members: all that there are, by whom the turns go, so that they go on while some are away; able: those that answer
    (None: all), the only ones to be in a pair.
    """
    if fan_out < 2:
        raise StrataError("a fan-out is at least 2: one probe for links that are up, one for all other pairs")
    there = set(members if able is None else able)
    load: Counter[str] = Counter()
    planned: dict[Pair, str] = {}

    def give(pair_: Pair, most: int) -> None:
        """To the end that has less to do; to nobody where both have enough."""
        prober = min(pair_, key=lambda name: load[name])
        if pair_ not in planned and set(pair_) <= there and load[prober] < most:
            planned[pair_] = prober
            load[prober] += 1

    for link in sorted(links):
        give(link, fan_out - fan_out // 2)
    for pair_ in turns(members, sweep, fan_out // 2, seed):
        give(pair_, fan_out)
    return {
        name: tuple(one if other == name else other for (one, other), prober in planned.items() if prober == name)
        for name in sorted(load)
    }


def turns(members: Sequence[str], sweep: int, rounds: int, seed: int = 0) -> tuple[Pair, ...]:
    """The pairs of the next so many rounds of the tournament, of which sweep 0 takes the first."""
    circle: list[str | None] = [*sorted(members)]
    random.Random(seed).shuffle(circle)  # noqa: S311 - no secret
    if len(circle) % 2:
        circle.append(None)  # whoever meets nobody has a rest
    count = len(circle) - 1
    found: list[Pair] = []
    for number in range(min(rounds, max(count, 0))):
        turn = (sweep * rounds + number) % count
        turned = circle[:1] + circle[1 + turn :] + circle[1 : 1 + turn]
        met = zip(turned[: len(turned) // 2], reversed(turned), strict=False)
        found += [pair(one, other) for one, other in met if one is not None and other is not None]
    return tuple(found)


def sweeps_for_all(members: int, fan_out: int = FAN_OUT) -> int:
    """Sweeps after which every pair of so many members was seen."""
    return max(1, math.ceil((members - 1 + members % 2) / (fan_out // 2)))
