"""Rollouts as flows see them: what is drawn for a run, what it took, and the event of a retreat."""

from prefect import get_run_logger
from prefect.events import emit_event

from strata.inference import draw_optimiser, run_measured
from strata.rollout import Draw, Retreat, note
from strata.settings import Settings
from strata.store import ArtifactRef, open_store
from tasks.inference_parameters import InferenceParameters
from tasks.occasion import occasion
from tasks.results import get_generation
from tasks.terminal import console

RETREATED = "strata.rollout.retreated"


def draw_run(parameters: InferenceParameters, settings: Settings) -> Draw:
    """Whether this run gets the cross-node optimiser, once for all its stages.

    An answer that is gone on with gets what it had before. Local nodes without a budget run alike with it and without.
    """
    differs = bool(parameters.mesh) or parameters.node_memory_bytes is not None
    return draw_optimiser(parameters.answer_name or occasion().run, settings, differs=differs)


def note_run(parameters: InferenceParameters, draw: Draw, answer: ArtifactRef) -> None:
    """Write down what the run took, where that is compared, and tell of the retreat that may follow."""
    if draw.setting is None:
        return
    settings = Settings()
    result = get_generation(open_store(settings), answer)
    for retreat in note(settings, [run_measured(draw, work_of(parameters), result)]):
        announce_retreat(retreat)


def work_of(parameters: InferenceParameters) -> str:
    """What is to be done, in words: runs with the same ones can be compared."""
    place = parameters.mesh or f"{parameters.nodes} x {parameters.node_memory_bytes} bytes here"
    words = (parameters.model_name, parameters.dtype, parameters.weights, parameters.kv_cache, len(parameters.prompts))
    return ", ".join(map(str, (*words, place)))


def announce_retreat(retreat: Retreat) -> None:
    """Say it, and emit `strata.rollout.retreated`."""
    sentence = f"Nothing has the {retreat.part} any more: {retreat.reason} (incident {retreat.incident})"
    console.print(sentence)
    get_run_logger().warning(sentence)
    emit_event(
        RETREATED,
        resource={"prefect.resource.id": f"strata.rollout.{retreat.part}"},
        payload={"part": retreat.part, "percent": retreat.percent, "incident": retreat.incident},
    )
