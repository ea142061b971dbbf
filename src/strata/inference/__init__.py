"""Inference: one language model answers from several machines, over encrypted links.

The public face. Names are imported on first use, so that `import strata.inference` (and `strata --help`) stays light.

A model: `resolve_model` (folder, GGUF file or packaged name), `Checkpoint` (by tensor and byte range), `profile_model`.
Planning: `Plan`, `make_plan`, `balanced_plan`, `NodeProfile`, `Links`, `Infeasible`.
Running: `LocalCluster` (nodes on this machine), `Coordinator` (survey, distribute, generate), `GenerationParams`,
`SamplingParams`, `GenerationResult`, `StageResult`, `DistributionProgress`, `DistributionReport`, `ShardReport`.
Without nodes: `generate_locally`, and `generate_baseline` (transformers' own `generate`, to compare with).
All of it in one call: `answer`, `Request`, `Answer`.
Showing: `plan_rows`, `plan_sentence`, `layers_markdown`, `layer_span`, `stage_rows`, `speed_rows`, `Row`,
`need_sentence`, `distribution_sentence`, `comparison_sentence`, `answer_markdown`, `run_figures`.
Errors, all StrataErrors: `CheckpointError`, `ModelNotFound`, `Unsplittable`, `RequestRefused`, `StageFailed`,
`InvalidProblem`, `NodeLost`, `ContextExceeded`, `NoTokenizer`, `NodeDidNotStart`, `BaselineFailed`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.inference.answering import Answer, Request, answer
    from strata.inference.baseline import BaselineFailed, generate_baseline
    from strata.inference.checkpoint import Checkpoint, CheckpointError
    from strata.inference.cluster import LocalCluster, NodeDidNotStart
    from strata.inference.distribute import DistributionProgress, DistributionReport, ShardReport
    from strata.inference.errors import ContextExceeded, NodeLost, RequestRefused, StageFailed
    from strata.inference.generate import GenerationParams, GenerationResult, StageResult, generate_locally
    from strata.inference.models import ModelNotFound, resolve_model
    from strata.inference.pipeline import Coordinator
    from strata.inference.plan import Infeasible, InvalidProblem, Plan, balanced_plan, make_plan
    from strata.inference.profile import profile_model
    from strata.inference.profile_node import Links, NodeProfile
    from strata.inference.report import (
        Row,
        answer_markdown,
        comparison_sentence,
        distribution_sentence,
        layer_span,
        layers_markdown,
        need_sentence,
        plan_rows,
        plan_sentence,
        run_figures,
        speed_rows,
        stage_rows,
    )
    from strata.inference.sampling import SamplingParams
    from strata.inference.split import Unsplittable
    from strata.inference.text import NoTokenizer

__all__ = [
    "Answer",
    "BaselineFailed",
    "Checkpoint",
    "CheckpointError",
    "ContextExceeded",
    "Coordinator",
    "DistributionProgress",
    "DistributionReport",
    "GenerationParams",
    "GenerationResult",
    "Infeasible",
    "InvalidProblem",
    "Links",
    "LocalCluster",
    "ModelNotFound",
    "NoTokenizer",
    "NodeDidNotStart",
    "NodeLost",
    "NodeProfile",
    "Plan",
    "Request",
    "RequestRefused",
    "Row",
    "SamplingParams",
    "ShardReport",
    "StageFailed",
    "StageResult",
    "Unsplittable",
    "answer",
    "answer_markdown",
    "balanced_plan",
    "comparison_sentence",
    "distribution_sentence",
    "generate_baseline",
    "generate_locally",
    "layer_span",
    "layers_markdown",
    "make_plan",
    "need_sentence",
    "plan_rows",
    "plan_sentence",
    "profile_model",
    "resolve_model",
    "run_figures",
    "speed_rows",
    "stage_rows",
]

_MODULES = {
    "answering": ("Answer", "Request", "answer"),
    "baseline": ("BaselineFailed", "generate_baseline"),
    "checkpoint": ("Checkpoint", "CheckpointError"),
    "cluster": ("LocalCluster", "NodeDidNotStart"),
    "distribute": ("DistributionProgress", "DistributionReport", "ShardReport"),
    "errors": ("ContextExceeded", "NodeLost", "RequestRefused", "StageFailed"),
    "generate": ("GenerationParams", "GenerationResult", "StageResult", "generate_locally"),
    "models": ("ModelNotFound", "resolve_model"),
    "pipeline": ("Coordinator",),
    "plan": ("Infeasible", "InvalidProblem", "Plan", "balanced_plan", "make_plan"),
    "profile": ("profile_model",),
    "profile_node": ("Links", "NodeProfile"),
    "report": (
        "Row",
        "answer_markdown",
        "comparison_sentence",
        "distribution_sentence",
        "layer_span",
        "layers_markdown",
        "need_sentence",
        "plan_rows",
        "plan_sentence",
        "run_figures",
        "speed_rows",
        "stage_rows",
    ),
    "sampling": ("SamplingParams",),
    "split": ("Unsplittable",),
    "text": ("NoTokenizer",),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
