"""A plan and a decision as a fleet of the nodes a and b tells them."""

from typing import Any


def planned(model: str, context: int) -> dict[str, Any]:
    """Everything is where it should be."""
    kept = {"memory_bytes": 1000, "seconds": 0.1, "link_seconds": 0.0}
    stages = [{"node": "a", "layers": [0, 2], **kept}, {"node": "b", "layers": [3, 4], **kept}]
    step = {"stages": stages, "step_seconds": 0.2}
    return {
        "model": model,
        "context": context,
        "sessions": 1,
        "objective": "latency",
        "now": step,
        "best": {**step, "lower_bound": 0.2, "exact": True},
        "gain": 1.0,
        "survey": {"swept": [], "measured": [{"from": "a", "to": "b"}]},
        "sentence": "the layers are where they should be",
    }


def decided(*, dry_run: bool) -> dict[str, Any]:
    """Nothing moves."""
    plan = [{"node": "a", "layers": [0, 2]}, {"node": "b", "layers": [3, 4]}]
    return {
        "decision": "stay",
        "dry_run": dry_run,
        "why": "nothing is faster",
        "step_seconds": 0.2,
        "stages": [{**each, "seconds": 0.1} for each in plan],
        "plan": plan,
        "pause_seconds": None,
        "judgement": None,
    }
