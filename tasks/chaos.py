"""A rehearsal: a node dies on purpose while an answer is written."""

import os
import signal
from collections.abc import Callable, Mapping

from strata.inference import Plan

OnText = Callable[[int, str], None]


def killing(on_text: OnText, after: int, plan: Plan, processes: Mapping[str, int]) -> OnText:
    """`on_text`, which also kills the process of the plan's middle node when it has been called `after` times."""
    victim = plan.stages[len(plan.stages) // 2].node
    calls = 0

    def watched(row: int, piece: str) -> None:
        nonlocal calls
        on_text(row, piece)
        calls += 1
        if calls == after and victim in processes:
            os.kill(processes[victim], signal.SIGKILL)

    return watched
