"""Planning: what a model costs layer by layer, what nodes and links can do, and which node holds what.

Exports `partition` and `balance` (placement over plain arrays), `make_plan` and `balanced_plan` (a whole `Plan` of
`StagePlan`s, which are known by their `Layers`), the results `Partition` and `Span`, and the errors `Infeasible`,
`InvalidPlan`, `InvalidProblem`.
"""

from strata.inference.plan.plan import (
    Infeasible,
    InvalidPlan,
    InvalidProblem,
    Layers,
    Objective,
    Partition,
    Plan,
    Span,
    StagePlan,
    balance,
    balanced_plan,
    make_plan,
    partition,
)

__all__ = [
    "Infeasible",
    "InvalidPlan",
    "InvalidProblem",
    "Layers",
    "Objective",
    "Partition",
    "Plan",
    "Span",
    "StagePlan",
    "balance",
    "balanced_plan",
    "make_plan",
    "partition",
]
