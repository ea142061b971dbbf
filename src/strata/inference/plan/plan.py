"""The sharding plan: which node holds which layers, what that costs in memory and seconds, and how good it provably is.

`strata.inference.plan.workload` states how bytes and seconds are counted.
"""

from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import pairwise
from typing import Literal

import numpy as np
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from strata.errors import StrataError
from strata.inference.placement.balance import balance
from strata.inference.placement.partition import Infeasible, InvalidProblem, Objective, Partition, Span, partition
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.profile import ModelProfile
from strata.inference.plan.workload import RESERVE_BYTES, Workload

__all__ = [
    "Infeasible", "InvalidPlan", "InvalidProblem", "Layers", "Objective", "Partition", "Plan", "Span", "StagePlan",
    "balance", "balanced_plan", "make_plan", "partition",
]  # fmt: skip


class InvalidPlan(StrataError):
    """A serialised plan is malformed or contradicts itself."""


Layers = tuple[int, int]
"""The first and the last of layers that follow each other."""


class StagePlan(BaseModel):
    """One stage: layers `first` to `last` (0-based, inclusive) on `node`; link_seconds leads to the next stage."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    node: str = Field(min_length=1)
    first: int = Field(ge=0)
    last: int = Field(ge=0)
    weight_bytes: int = Field(ge=0)
    kv_bytes: int = Field(ge=0)
    workspace_bytes: int = Field(ge=0)
    seconds: float = Field(ge=0)
    link_seconds: float = Field(ge=0)

    @property
    def layers(self) -> Layers:
        """Its first and last layer."""
        return self.first, self.last

    @property
    def memory_bytes(self) -> int:
        """Bytes that the node needs above its loaded runtime."""
        return self.weight_bytes + self.kv_bytes + self.workspace_bytes + RESERVE_BYTES


class Plan(BaseModel):
    """A placement of a model's layers.

    `value` and `lower_bound` are seconds of a decode step under the objective or, for "balance", bytes of the largest
    stage. No placement is better than `lower_bound`; `exact` says that the value is the best possible. Matrices are
    held in `weights`, keys and values in `kv_cache`, or in `dtype` where that is None. There is room for the KV caches
    of so many `sessions` of `batch` rows at a time.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    model: str
    objective: Literal["latency", "throughput", "balance"]
    context: int = Field(ge=1)
    batch: int = Field(ge=1)
    sessions: int = Field(default=1, ge=1)
    dtype: str
    weights: Literal["int8"] | None = None
    kv_cache: Literal["int8"] | None = None
    stages: tuple[StagePlan, ...] = Field(min_length=1)
    value: float = Field(ge=0)
    lower_bound: float = Field(ge=0)
    exact: bool

    @model_validator(mode="after")
    def _consistent(self) -> "Plan":
        expected = 0
        for stage in self.stages:
            if stage.first != expected or stage.last < stage.first:
                raise ValueError(f"{stage.node} holds layers {stage.first} to {stage.last} where {expected} comes next")
            expected = stage.last + 1
        if len({stage.node for stage in self.stages}) != len(self.stages):
            raise ValueError("a node holds two stages")
        if self.lower_bound > self.value:
            raise ValueError("the lower bound is above the value")
        return self

    @property
    def num_layers(self) -> int:
        """How many layers the stages cover."""
        return self.stages[-1].last + 1

    @property
    def bottleneck(self) -> str:
        """The slowest stage or link, in words."""
        stage = max(self.stages, key=lambda stage: stage.seconds)
        a, b = max(pairwise(self.stages), key=lambda pair: pair[0].link_seconds, default=(stage, stage))
        return f"stage on {stage.node}" if stage.seconds >= a.link_seconds else f"link from {a.node} to {b.node}"

    def to_json(self) -> str:
        """One line of JSON that `from_json` reads back."""
        return self.model_dump_json()

    @classmethod
    def from_json(cls, text: str | bytes) -> "Plan":
        """Read `to_json`'s text; raises InvalidPlan on anything unknown, missing or contradictory."""
        try:
            return cls.model_validate_json(text)
        except ValidationError as error:
            first = error.errors()[0]
            raise InvalidPlan(f"plan: {'.'.join(map(str, first['loc']))} {first['msg']}".replace("  ", " ")) from error


def make_plan(
    profile: ModelProfile,
    nodes: Sequence[NodeProfile],
    links: Links,
    objective: Objective = "latency",
    *,
    context: int = 2048,
    batch: int = 1,
    sessions: int = 1,
) -> Plan:
    """Place the model on the best of `nodes` for decoding `batch` sequences of up to `context` tokens.

    sessions: that are to have room for their KV caches at the same time. links has one row for each node, in the same
    order. Mobile nodes get layers only where the others have not the memory for all of them; else the bound that is
    proven is one for the others. Raises Infeasible or InvalidProblem.
    """
    workload = Workload(profile, context, batch, sessions)
    _check_nodes(nodes)
    if len(links.latency) != len(nodes):
        raise InvalidProblem(f"links describe {len(links.latency)} nodes, not {len(nodes)}")
    settled = [index for index, node in enumerate(nodes) if not node.mobile]
    if 0 < len(settled) < len(nodes):
        with suppress(Infeasible):
            return _place(workload, [nodes[index] for index in settled], links.among(settled), objective)
    return _place(workload, nodes, links, objective)


def _place(workload: Workload, nodes: Sequence[NodeProfile], links: Links, objective: Objective) -> Plan:
    """As `make_plan`, on any of these nodes."""
    profile = workload.profile
    seconds, hops = workload.layer_seconds(nodes), workload.link_seconds(links)
    capacity = [max(0, node.memory_bytes - workload.spare_bytes) for node in nodes]
    alone = _alone(workload, seconds, capacity)
    try:
        found = partition(seconds, workload.layer_bytes(), capacity, hops, objective)
    except Infeasible as error:
        if alone is None:
            raise _explained(error, workload, capacity, nodes) from error
        # Without a proof that several nodes cannot hold the model, they might be faster; nothing bounds by how much.
        found = Partition(alone.stages, alone.value, alone.value if error.proven else 0.0, error.proven)
    else:
        if alone is not None and alone.value < found.value:
            found = Partition(alone.stages, alone.value, min(alone.value, found.lower_bound), found.exact)
    leads = [float(hops[a.node, b.node]) for a, b in pairwise(found.stages)] + [0.0]
    return Plan(
        model=profile.name,
        objective=objective,
        context=workload.context,
        batch=workload.batch,
        sessions=workload.sessions,
        dtype=profile.dtype,
        weights=profile.weights,
        kv_cache=profile.kv_cache,
        stages=tuple(
            _stage(workload, nodes[s.node], s, float(seconds[s.node, s.first : s.last + 1].sum()), lead)
            for s, lead in zip(found.stages, leads, strict=True)
        ),
        value=found.value,
        lower_bound=found.lower_bound,
        exact=found.exact,
    )


def with_most_sessions(place: Callable[[int], Plan], sessions: int) -> Plan:
    """The plan that `place` makes for so many sessions or, where the nodes have not the memory, for half as many, and
    so on: those for which there is no room wait. Raises Infeasible where there is none for one.
    """
    while True:
        try:
            return place(sessions)
        except Infeasible:
            if sessions == 1:
                raise
            sessions //= 2


def priced_stages(
    stages: Sequence[StagePlan], workload: Workload, nodes: Sequence[NodeProfile], links: Links
) -> tuple[StagePlan, ...]:
    """The stages with the seconds that they and their links take at the speed of `nodes`, which `links` join."""
    index = {node.node: number for number, node in enumerate(nodes)}
    seconds, hops = workload.layer_seconds(nodes), workload.link_seconds(links)
    leads = [float(hops[index[a.node], index[b.node]]) for a, b in pairwise(stages)] + [0.0]
    return tuple(
        stage.model_copy(
            update={
                "seconds": float(seconds[index[stage.node], stage.first : stage.last + 1].sum()),
                "link_seconds": lead,
            }
        )
        for stage, lead in zip(stages, leads, strict=True)
    )


def balanced_plan(
    profile: ModelProfile, nodes: Sequence[NodeProfile], context: int = 2048, batch: int = 1, sessions: int = 1
) -> Plan:
    """Use every node, in the given order, with the largest stage (weights and KV caches) as small as it can be.

    Needs no measurements: of the nodes only the memory is looked at. sessions, mobile nodes: as for `make_plan`. Raises
    Infeasible naming the node that is too small, or InvalidProblem if there are more nodes than layers.
    """
    workload = Workload(profile, context, batch, sessions)
    _check_nodes(nodes)
    settled = [node for node in nodes if not node.mobile]
    if 0 < len(settled) < len(nodes):
        with suppress(Infeasible):
            return _balance(workload, settled)
    return _balance(workload, nodes)


def _balance(workload: Workload, nodes: Sequence[NodeProfile]) -> Plan:
    """As `balanced_plan`, on all of these nodes."""
    profile = workload.profile
    stages = []
    for index, (first, last) in enumerate(balance(workload.layer_bytes(), len(nodes))):
        stage = _stage(workload, nodes[index], Span(index, first, last), 0.0, 0.0)
        missing = stage.memory_bytes - nodes[index].memory_bytes
        if missing > 0:
            raise Infeasible(missing, f"node {stage.node} would hold layers {first} to {last}")
        stages.append(stage)
    value = float(max(stage.weight_bytes + stage.kv_bytes for stage in stages))
    return Plan(
        model=profile.name,
        objective="balance",
        context=workload.context,
        batch=workload.batch,
        sessions=workload.sessions,
        dtype=profile.dtype,
        weights=profile.weights,
        kv_cache=profile.kv_cache,
        stages=tuple(stages),
        value=value,
        lower_bound=value,
        exact=True,
    )


def _check_nodes(nodes: Sequence[NodeProfile]) -> None:
    if not nodes:
        raise InvalidProblem("there are no nodes")
    if len({node.node for node in nodes}) != len(nodes):
        raise InvalidProblem("two nodes have the same name")


def _alone(workload: Workload, seconds: np.ndarray, capacity: Sequence[int]) -> Partition | None:
    """The fastest node that holds the whole model, if one does.

    It holds tensors that both ends share once, which no sum over layers can express; so it is tried apart.
    """
    last = seconds.shape[1] - 1
    fitting = [(float(seconds[n].sum()), n) for n in range(len(capacity)) if capacity[n] >= workload.whole_bytes]
    if not fitting:
        return None
    value, node = min(fitting)
    return Partition((Span(node, 0, last),), value, value, exact=True)


def _stage(workload: Workload, node: NodeProfile, span: Span, seconds: float, link_seconds: float) -> StagePlan:
    return StagePlan(
        node=node.node,
        first=span.first,
        last=span.last,
        weight_bytes=workload.profile.stage_weight_bytes(span.first, span.last),
        kv_bytes=workload.kv_bytes(span.first, span.last),
        workspace_bytes=workload.workspace_bytes,
        seconds=seconds,
        link_seconds=link_seconds,
    )


def _explained(
    error: Infeasible, workload: Workload, capacity: Sequence[int], nodes: Sequence[NodeProfile]
) -> Infeasible:
    """The same error, with what the bytes include; or what one node lacks to hold everything, if that is less."""
    largest = int(np.argmax(capacity))
    missing, where = workload.whole_bytes - capacity[largest], f"node {nodes[largest].node} cannot hold the whole model"
    if error.missing_bytes <= missing:
        missing, where = error.missing_bytes, error.where
        where += f"; layer 0 counts with the embedding, layer {len(workload.profile.layers) - 1} with the head"
    kept = f"{workload.spare_bytes:,} bytes of each node are kept for workspace and reserve"
    return Infeasible(missing, f"{where}; KV cache is included and {kept}", error.proven)
