"""Where the layers would go now, by measurements of this moment, and where they are."""

import math
from collections.abc import Mapping
from typing import Any, Literal

import trio

from strata.api.fleet.running import Running
from strata.inference import (
    Infeasible,
    Plan,
    Survey,
    make_plan,
    plan_sentence,
    priced_placement,
    profile_model,
    with_most_sessions,
)


async def plan_document(running: Running, name: str) -> Mapping[str, Any]:
    """Measure nodes and links, and plan anew for what the fleet was planned for; seconds are those of a decode step.

    `gain` is how many times faster a step would be; None where it is not known.
    """
    placed = running.coordinator.placed(running.plan)
    survey = await running.coordinator.survey()
    best, now = await trio.to_thread.run_sync(_plan, running, placed, survey)
    seconds = _finite(now.value) if now is not None else None
    document = {
        "model": name,
        "context": placed.context,
        "sessions": placed.sessions,
        "objective": best.objective if best is not None else None,
        "now": {"stages": _stages(now or placed), "step_seconds": seconds},
        "best": None,
        "gain": None,
        "survey": survey.to_json(),
        "sentence": "nothing better is known: by today's measurements the nodes have not the memory for a plan",
    }
    if best is not None:
        document |= {
            "best": {
                "stages": _stages(best),
                "step_seconds": best.value,
                "lower_bound": best.lower_bound,
                "exact": best.exact,
            },
            "gain": seconds / best.value if seconds is not None and best.value > 0 else None,
            "sentence": plan_sentence(best),
        }
    return document


def _plan(running: Running, placed: Plan, survey: Survey) -> tuple[Plan | None, Plan | None]:
    """The best plan for the fleet's sessions, where there is one; and the present one at the same measurements."""
    profile = profile_model(running.checkpoint.path, placed.dtype, placed.weights, placed.kv_cache)
    nodes, links = survey.nodes, survey.links
    objective: Literal["latency", "throughput"] = "throughput" if placed.sessions > 1 else "latency"
    try:
        best = with_most_sessions(
            lambda count: make_plan(
                profile, nodes, links, objective, context=placed.context, batch=placed.batch, sessions=count
            ),
            placed.sessions,
        )
    except Infeasible:
        return None, None
    return best, priced_placement(placed, best, profile, nodes, links)


def _stages(plan: Plan) -> list[dict[str, Any]]:
    return [
        {
            "node": stage.node,
            "layers": list(stage.layers),
            "memory_bytes": stage.memory_bytes,
            "seconds": _finite(stage.seconds),
            "link_seconds": _finite(stage.link_seconds),
        }
        for stage in plan.stages
    ]


def _finite(seconds: float) -> float | None:
    """JSON has no infinity."""
    return seconds if math.isfinite(seconds) else None
