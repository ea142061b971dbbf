"""Inference: one language model answers from several machines, over encrypted links.

The public face. Names are imported on first use, so that `import strata.inference` (and `strata --help`) stays light.

A model: `resolve_model` (folder, GGUF file or packaged name), `locate_model` (the same, converting nothing),
`Checkpoint` (by tensor and byte range), `profile_model`.
Planning: `Plan`, `make_plan`, `balanced_plan`, `with_most_sessions`, `keep_placement`, `priced_placement`,
`NodeProfile`, `Links`, `read_nodes`, `Infeasible`.
Running: `run_node` (the daemon), `LocalCluster` (nodes on this machine), `Place` (a mesh that runs), `connected` (to
it), `reached` (either, as a request says), `place_layers` (a plan for its nodes), `Coordinator` (survey, distribute,
generate, log-probabilities; `scoring_plan` is a plan for those), `Survey`, `answer_prompts` (each in a session of its
own), `GenerationParams`, `SamplingParams`, `GenerationResult`, `StageResult`, `Recovery`, `RecordedFailures` (whom the
coordinator tells of failed stages), `Journal` (an answer that outlives its coordinator), `recording` (both, kept in the
ledger), `Texts` (a model's tokenizer and chat template), `DistributionProgress`, `DistributionReport`, `ShardReport`,
`CleanedUp` (what a node gave back).
Without nodes: `generate_locally`, and `generate_baseline` (transformers' own `generate`, to compare with).
All of it in one call: `answer`, `Request`, `Answer`; `rehearse`, `Rebalanced` (whether layers should move).
While the optimiser is rolled out: `draw_optimiser` (whether a run has it), `run_measured` (what that run took).
Showing: `plan_rows`, `plan_sentence`, `layers_markdown`, `layer_span`, `stage_rows`, `speed_rows`, `recovery_rows`,
`recovery_sentence`, `move_rows`, `move_sentence`, `move_document`, `Row`, `need_sentence`, `distribution_sentence`,
`comparison_sentence`, `speculation_sentence`, `answer_markdown`, `run_figures`; while it runs, on a terminal:
`DistributionBars`, `AnswerStream`.
Errors, all StrataErrors: `CheckpointError`, `ModelNotFound`, `Unsplittable`, `RequestRefused`, `StageFailed`,
`InvalidPlan`, `InvalidProblem`, `NodeLost`, `ContextExceeded`, `NoTokenizer`, `TemplateRefused`, `NodeDidNotStart`,
`NotMeasured`, `BaselineFailed`.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from strata.inference.decoder.sampling import SamplingParams
    from strata.inference.decoder.split import Unsplittable
    from strata.inference.models.checkpoint import Checkpoint, CheckpointError
    from strata.inference.models.resolve import ModelNotFound, locate_model, resolve_model
    from strata.inference.node.daemon import run_node
    from strata.inference.plan import Infeasible, InvalidPlan, InvalidProblem, Plan, balanced_plan, make_plan
    from strata.inference.plan.keep import keep_placement, priced_placement
    from strata.inference.plan.nodes import Links, NodeProfile
    from strata.inference.plan.nodes_file import read_nodes
    from strata.inference.plan.plan import with_most_sessions
    from strata.inference.plan.profile import profile_model
    from strata.inference.protocol.messages import CleanedUp
    from strata.inference.report.moves import move_document, move_rows, move_sentence
    from strata.inference.report.report import (
        Row,
        answer_markdown,
        comparison_sentence,
        distribution_sentence,
        layer_span,
        layers_markdown,
        need_sentence,
        plan_rows,
        plan_sentence,
        recovery_rows,
        recovery_sentence,
        run_figures,
        speculation_sentence,
        speed_rows,
        stage_rows,
    )
    from strata.inference.report.terminal import AnswerStream, DistributionBars
    from strata.inference.run.answering import Answer, answer
    from strata.inference.run.baseline import BaselineFailed, generate_baseline
    from strata.inference.run.cluster import LocalCluster, NodeDidNotStart
    from strata.inference.run.distribute import DistributionProgress, DistributionReport, ShardReport
    from strata.inference.run.drawn import draw_optimiser, run_measured
    from strata.inference.run.errors import ContextExceeded, NodeLost, RequestRefused, StageFailed
    from strata.inference.run.generate import GenerationParams, GenerationResult, Recovery, StageResult
    from strata.inference.run.incidents import RecordedFailures, recording
    from strata.inference.run.journal import Journal
    from strata.inference.run.local import generate_locally
    from strata.inference.run.measuring import NotMeasured
    from strata.inference.run.pipeline import Coordinator
    from strata.inference.run.rebalancing import Rebalanced
    from strata.inference.run.rehearsing import rehearse
    from strata.inference.run.requests import Place, Request, connected, place_layers, reached
    from strata.inference.run.scoring import scoring_plan
    from strata.inference.run.several import answer_prompts
    from strata.inference.run.survey import Survey
    from strata.inference.run.text import NoTokenizer, TemplateRefused, Texts

__all__ = [
    "Answer",
    "AnswerStream",
    "BaselineFailed",
    "Checkpoint",
    "CheckpointError",
    "CleanedUp",
    "ContextExceeded",
    "Coordinator",
    "DistributionBars",
    "DistributionProgress",
    "DistributionReport",
    "GenerationParams",
    "GenerationResult",
    "Infeasible",
    "InvalidPlan",
    "InvalidProblem",
    "Journal",
    "Links",
    "LocalCluster",
    "ModelNotFound",
    "NoTokenizer",
    "NodeDidNotStart",
    "NodeLost",
    "NodeProfile",
    "NotMeasured",
    "Place",
    "Plan",
    "Rebalanced",
    "RecordedFailures",
    "Recovery",
    "Request",
    "RequestRefused",
    "Row",
    "SamplingParams",
    "ShardReport",
    "StageFailed",
    "StageResult",
    "Survey",
    "TemplateRefused",
    "Texts",
    "Unsplittable",
    "answer",
    "answer_markdown",
    "answer_prompts",
    "balanced_plan",
    "comparison_sentence",
    "connected",
    "distribution_sentence",
    "draw_optimiser",
    "generate_baseline",
    "generate_locally",
    "keep_placement",
    "layer_span",
    "layers_markdown",
    "locate_model",
    "make_plan",
    "move_document",
    "move_rows",
    "move_sentence",
    "need_sentence",
    "place_layers",
    "plan_rows",
    "plan_sentence",
    "priced_placement",
    "profile_model",
    "reached",
    "read_nodes",
    "recording",
    "recovery_rows",
    "recovery_sentence",
    "rehearse",
    "resolve_model",
    "run_figures",
    "run_measured",
    "run_node",
    "scoring_plan",
    "speculation_sentence",
    "speed_rows",
    "stage_rows",
    "with_most_sessions",
]

_MODULES = {
    "node.daemon": ("run_node",),
    "protocol.messages": ("CleanedUp",),
    "run.answering": ("Answer", "answer"),
    "run.measuring": ("NotMeasured",),
    "run.rebalancing": ("Rebalanced",),
    "run.rehearsing": ("rehearse",),
    "run.requests": ("Place", "Request", "connected", "place_layers", "reached"),
    "run.scoring": ("scoring_plan",),
    "run.several": ("answer_prompts",),
    "run.survey": ("Survey",),
    "report.moves": ("move_document", "move_rows", "move_sentence"),
    "run.baseline": ("BaselineFailed", "generate_baseline"),
    "models.checkpoint": ("Checkpoint", "CheckpointError"),
    "run.cluster": ("LocalCluster", "NodeDidNotStart"),
    "run.drawn": ("draw_optimiser", "run_measured"),
    "run.distribute": ("DistributionProgress", "DistributionReport", "ShardReport"),
    "run.errors": ("ContextExceeded", "NodeLost", "RequestRefused", "StageFailed"),
    "run.generate": ("GenerationParams", "GenerationResult", "Recovery", "StageResult"),
    "run.incidents": ("RecordedFailures", "recording"),
    "run.journal": ("Journal",),
    "run.local": ("generate_locally",),
    "models.resolve": ("ModelNotFound", "locate_model", "resolve_model"),
    "run.pipeline": ("Coordinator",),
    "plan": ("Infeasible", "InvalidPlan", "InvalidProblem", "Plan", "balanced_plan", "make_plan"),
    "plan.plan": ("with_most_sessions",),
    "plan.keep": ("keep_placement", "priced_placement"),
    "plan.nodes_file": ("read_nodes",),
    "plan.profile": ("profile_model",),
    "plan.nodes": ("Links", "NodeProfile"),
    "report.report": (
        "Row",
        "answer_markdown",
        "comparison_sentence",
        "distribution_sentence",
        "layer_span",
        "layers_markdown",
        "need_sentence",
        "plan_rows",
        "plan_sentence",
        "recovery_rows",
        "recovery_sentence",
        "run_figures",
        "speculation_sentence",
        "speed_rows",
        "stage_rows",
    ),
    "report.terminal": ("AnswerStream", "DistributionBars"),
    "decoder.sampling": ("SamplingParams",),
    "decoder.split": ("Unsplittable",),
    "run.text": ("NoTokenizer", "TemplateRefused", "Texts"),
}
_HOME = {name: module for module, names in _MODULES.items() for name in names}


def __getattr__(name: str) -> Any:
    if name not in _HOME:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_HOME[name]}"), name)
