"""Pipelines for the optimiser, made up: even layers on nodes of a memory that holds some of them."""

from collections.abc import Mapping, Sequence

from strata.inference.plan import Plan, balanced_plan
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.profile import LayerProfile, ModelProfile
from strata.inference.rebalance.situation import Rates, Situation

LAYER = LayerProfile(weight_bytes=40_000_000, flops_per_token=20_000_000, kv_bytes_per_token=100)
RATES = Rates(send=1e9, load=1e9, replay_seconds={"n0": 1e-4 / 3})


def model(layers: int) -> ModelProfile:
    """Even layers of 40 MB; the ends weigh little."""
    return ModelProfile(
        name="tiny", architecture="llama", dtype="float32", layers=(LAYER,) * layers, embedding_bytes=1_000_000,
        head_bytes=1_000_000, shared_bytes=0, tied=False, hidden_size=8, vocab_size=100, widest=32, max_context=4096,
    )  # fmt: skip


def machines(count: int, megabytes: int = 400) -> list[NodeProfile]:
    """Nodes n0, n1, ..., that nobody has measured."""
    return [NodeProfile(f"n{index}", megabytes * 1_000_000, 1.0, 1.0) for index in range(count)]


def windows(plan: Plan, speed: Mapping[str, float], noise: Sequence[Mapping[str, float]] = ({},)) -> list[dict]:
    """What would be measured where a layer takes 1 ms, or `speed` times as long; times the noise of each window."""
    return [
        {s.node: 1e-3 * (s.last - s.first + 1) * speed.get(s.node, 1.0) * factors.get(s.node, 1.0) for s in plan.stages}
        for factors in noise
    ]


def situation(
    layers: int = 12,
    used: int = 4,
    idle: int = 0,
    speed: Mapping[str, float] | None = None,
    sessions: int = 8,
    **changes,
) -> Situation:
    """Even stages on `used` nodes, `idle` more beside them."""
    nodes = machines(used + idle, changes.pop("megabytes", 400))
    plan = changes.pop("plan", None) or balanced_plan(model(layers), nodes[:used], 100)
    fields = {
        "plan": plan,
        "profile": model(layers),
        "nodes": nodes,
        "links": Links.uniform(len(nodes), 1e-5, 1e9),
        "windows": windows(plan, speed or {}),
        "sessions": sessions,
        "tokens": 100,
        "rates": RATES,
        "horizon": 300.0,
    }
    return Situation(**(fields | changes))
