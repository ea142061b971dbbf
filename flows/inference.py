"""The inference pipeline: one model answers prompts from several machines, none of which could hold it.

    plan -> distribute -> run -> reoptimise -> compare

`python -m flows.inference --help` says how to run it from the command line; the deployment is in `prefect.yaml`.
"""

if __name__ == "__main__":
    # The command line sets Prefect up before importing it, and prints its help without it.
    from importlib import import_module

    from flows.inference_command import main

    raise SystemExit(main(lambda: import_module("flows.inference").run))

from prefect import flow
from prefect.client.schemas.objects import State

from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.inference import (
    answer_locally,
    answer_prompts,
    distribute_layers,
    measure_baseline,
    plan_layers,
    publish_answer,
    reach_nodes,
    reoptimise_layers,
)
from tasks.inference_parameters import InferenceParameters
from tasks.record import ALL_OFF, recorded, skipped
from tasks.results import InferenceOutcome
from tasks.rollout import draw_run, note_run

DEMONSTRATION = InferenceParameters()


@flow(name="inference", timeout_seconds=21600, flow_run_name="inference-{parameters.model_name}", **ENDINGS)
def run(parameters: InferenceParameters = DEMONSTRATION) -> InferenceOutcome | State:
    """Answer prompts with one model whose layers are spread over several machines.

    Args:
        parameters: The model, the prompts, where to run, and how to pick tokens. The defaults are the demonstration:
            a small model over four local nodes, none of which has the memory for all of it.
    """
    settings = Settings()
    if reason := _switched_off(settings):
        return skipped("inference", settings, reason)
    with recorded("inference", settings) as record:
        outcome = _sharded(parameters, settings) if settings.inference_sharding else _local(parameters)
        record.update(publish_answer(parameters, outcome.answer, outcome.baseline))
    return outcome


def _sharded(parameters: InferenceParameters, settings: Settings) -> InferenceOutcome:
    draw = draw_run(parameters, settings)
    with reach_nodes(parameters) as mesh:
        plan = plan_layers(parameters, mesh, optimise=draw.enabled)
        distributed = distribute_layers(parameters, plan, mesh)
        answer = answer_prompts(parameters, plan, distributed, mesh)
        if draw.enabled:
            reoptimise_layers(parameters, plan, answer, mesh)
    note_run(parameters, draw, answer)
    # The nodes have ended, so the comparison has the machine to itself.
    baseline = measure_baseline(parameters) if parameters.compare else None
    return InferenceOutcome(answer, plan, baseline)


def _local(parameters: InferenceParameters) -> InferenceOutcome:
    return InferenceOutcome(answer_locally(parameters))


def _switched_off(settings: Settings) -> str | None:
    """Why the pipeline may not run, or None."""
    if not settings.phase_2:
        return ALL_OFF
    if not settings.distributed_inference:
        return "The inference pipeline is switched off: set ARCHAEOLOGICAL_DISTRIBUTED_INFERENCE=true to run it."
    return None
