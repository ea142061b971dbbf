"""A decision of the optimiser as a table, a sentence and JSON. Pure."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING, Any

from strata.inference.rebalance.decide import Move, Stay
from strata.inference.report.report import Row, layer_span, size

if TYPE_CHECKING:
    from strata.inference.plan import Plan
    from strata.inference.run.rebalancing import Rebalanced

_NOTHING = "-"


def move_rows(done: Rebalanced) -> list[Row]:
    """One row for each node: its layers, the measured time of a step and, where layers move, both afterwards."""
    before, after = _stages(done.decision.before), _stages(_wanted(done))
    rows = []
    for node in dict.fromkeys([*before, *after]):
        layers, seconds = before.get(node, (_NOTHING, None))
        next_layers, next_seconds = after.get(node, (_NOTHING, None))
        row = {"node": node, "layers": layers, "measured": _milliseconds(seconds)}
        if isinstance(done.decision, Move):
            row |= {"layers after": next_layers, "predicted": _milliseconds(next_seconds)}
        rows.append(row)
    return rows


def move_sentence(done: Rebalanced, *, dry_run: bool) -> str:
    """What was decided, why, and what came of it."""
    decision = done.decision
    if isinstance(decision, Stay):
        return f"Nothing moves: {decision.why} ({decision.seconds * 1e3:.1f} ms between two steps)."
    cost = decision.cost
    sentence = (
        f"{'Would move' if dry_run else 'Moved'} layers: {decision.why}; by the measurements "
        f"{decision.seconds * 1e3:.1f} ms between two steps become {decision.predicted * 1e3:.1f}, for "
        f"{size(cost.bytes_sent)} to send and a pause of some {cost.load + cost.replay:.1f} s."
    )
    if done.judgement is not None:
        outcome = "It stays" if done.judgement.kept else "It was undone"
        sentence += f" {outcome}: {done.judgement.why}."
    return sentence


def move_document(done: Rebalanced, *, dry_run: bool) -> dict[str, Any]:
    """The same for programs; seconds, bytes, layers inclusive."""
    decision = done.decision
    document: dict[str, Any] = {
        "decision": "move" if isinstance(decision, Move) else "stay",
        "dry_run": dry_run,
        "why": decision.why,
        "step_seconds": decision.seconds,
        "stages": _listed(decision.before),
        "plan": [{"node": stage.node, "layers": [stage.first, stage.last]} for stage in done.plan.stages],
        "pause_seconds": done.pause,
        "judgement": asdict(done.judgement) if done.judgement is not None else None,
    }
    if isinstance(decision, Move):
        document |= {
            "predicted_step_seconds": decision.predicted,
            "predicted_stages": _listed(decision.plan),
            "cost": asdict(decision.cost),
        }
    return document


def _wanted(done: Rebalanced) -> Plan:
    return done.decision.plan if isinstance(done.decision, Move) else done.decision.before


def _stages(plan: Plan) -> dict[str, tuple[str, float | None]]:
    return {stage.node: (layer_span(stage.first, stage.last), stage.seconds) for stage in plan.stages}


def _listed(plan: Plan) -> list[dict[str, Any]]:
    return [
        {"node": stage.node, "layers": [stage.first, stage.last], "seconds": stage.seconds} for stage in plan.stages
    ]


def _milliseconds(seconds: float | None) -> str:
    return _NOTHING if seconds is None else f"{seconds * 1e3:.1f} ms"
