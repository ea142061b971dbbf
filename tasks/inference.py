"""The stages of the inference pipeline: plan, distribute, run, reoptimise, compare.

Each takes and returns references to the store, never the bytes; what a stage found is shown as an artifact of its run.
"""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact, create_table_artifact
from prefect.cache_policies import NO_CACHE

from strata.inference import (
    AnswerStream,
    DistributionProgress,
    Infeasible,
    InvalidPlan,
    InvalidProblem,
    ModelNotFound,
    NodeLost,
    NotMeasured,
    Plan,
    RequestRefused,
    StageFailed,
    Unsplittable,
    answer_markdown,
    distribution_sentence,
    layers_markdown,
    move_rows,
    move_sentence,
    need_sentence,
    plan_rows,
    plan_sentence,
    recovery_rows,
    recovery_sentence,
    run_figures,
)
from strata.settings import Settings
from strata.store import ArtifactRef, Store, StoreError, open_store
from strata.telemetry import exporting, inherited, span
from tasks.engine import Engine, Mesh
from tasks.failures import TaskFailed, stage, worth_retrying
from tasks.inference_parameters import InferenceParameters
from tasks.progress import ProgressPublisher
from tasks.results import get_generation, put_distribution, put_generation
from tasks.strata_engine import StrataEngine
from tasks.terminal import console, distribution_bars

engine: Engine = StrataEngine()

_ADVICE = {
    ModelNotFound: "name a safetensors folder or a .gguf file, or run `make setup`, which installs smollm2.",
    Unsplittable: "choose another model, or set DISTRIBUTED_INFERENCE_SHARDING_ENABLED=false to run it in one process.",
    Infeasible: "add nodes, raise the memory of a node, shorten the context, or choose a smaller number format.",
    InvalidProblem: "change the parameter that the message names.",
}


@contextmanager
def reach_nodes(parameters: InferenceParameters) -> Iterator[Mesh]:
    """Yield the mesh to run on; local nodes that are started for it end with the block, which is one trace."""
    with ExitStack() as stack:
        stack.enter_context(exporting("strata-flow", Settings()))
        stack.enter_context(span("inference", inherited(), model=parameters.model_name))
        if not parameters.mesh:
            console.print(f"Starting {parameters.nodes} local nodes", style="bold")
        with stage("start", _ADVICE, "check the mesh and identity files, or leave them empty to start local nodes."):
            mesh = stack.enter_context(engine.nodes(parameters, Settings()))
        yield mesh


@task(name="plan", cache_policy=NO_CACHE, retries=1, retry_delay_seconds=2, retry_condition_fn=worth_retrying)
def plan_layers(parameters: InferenceParameters, mesh: Mesh, *, optimise: bool = True) -> ArtifactRef:
    """Profile the model, survey the nodes and place the layers; returns the plan.

    optimise: by measurement, as far as that is switched on.
    """
    settings = Settings()
    settings.cross_node_optimiser &= optimise
    store = open_store(settings)
    with stage("plan", _ADVICE, "check that every node of the mesh runs (`strata node`) and is reachable."):
        plan = engine.plan(parameters, mesh, settings, _previous_plan(store, parameters.model_name))
    _say(need_sentence(plan, None if parameters.mesh else parameters.node_memory_bytes))
    _say(plan_sentence(plan))
    create_table_artifact(plan_rows(plan), key="inference-plan", description=plan_sentence(plan))
    create_markdown_artifact(layers_markdown(plan), key="inference-layers")
    return store.put_artifact(plan.to_json().encode(), "inference-plan", parameters.model_name)


@task(
    name="distribute",
    cache_policy=NO_CACHE,
    retries=2,
    retry_delay_seconds=[1, 5],
    retry_condition_fn=worth_retrying,
)
def distribute_layers(parameters: InferenceParameters, plan_ref: ArtifactRef, mesh: Mesh) -> ArtifactRef:
    """Send every node its layers; returns the report. A retry sends only what did not arrive."""
    settings, store = Settings(), open_store(Settings())
    plan = Plan.from_json(store.read(plan_ref.digest))
    totals = {item.node: item.weight_bytes for item in plan.stages}
    publisher = ProgressPublisher("inference-distribution", "Weights that have arrived on their nodes", totals)
    console.print("Distributing the layers over encrypted links", style="bold")
    with (
        stage("distribute", _ADVICE, "check that the nodes run and have disk space; run it again to resume."),
        publisher,
        distribution_bars(plan) as bars,
    ):

        def progress(step: DistributionProgress) -> None:
            publisher.update(step.node, step.bytes_done, step.bytes_total)
            bars.show(step.node, step.bytes_done, step.bytes_total)

        report = engine.distribute(parameters, plan, mesh, settings, progress)
    _say(distribution_sentence(report))
    return put_distribution(store, report, parameters.model_name)


@task(name="run", cache_policy=NO_CACHE, retries=1, retry_delay_seconds=2, retry_condition_fn=worth_retrying)
def answer_prompts(
    parameters: InferenceParameters, plan_ref: ArtifactRef, distributed: ArtifactRef, mesh: Mesh
) -> ArtifactRef:
    """Answer the prompts on the nodes that hold the layers; returns the answer and its figures.

    `distributed` is what must have happened before. Once a reader has seen text, a failure is not retried: the answer
    would begin again in the middle of a line.
    """
    settings, store = Settings(), open_store(Settings())
    plan = Plan.from_json(store.read(plan_ref.digest))
    stream = AnswerStream(console, parameters.prompts)
    with _answering("run", stream, "check that every node still runs (`strata node`), and run it again."):
        result = engine.generate(parameters, plan, mesh, settings, stream)
    if result.recoveries:
        create_table_artifact(recovery_rows(result), key="inference-recoveries", description=recovery_sentence(result))
        _say(recovery_sentence(result))
    return put_generation(store, result, "inference-answer", parameters.model_name)


@task(name="reoptimise", cache_policy=NO_CACHE)
def reoptimise_layers(
    parameters: InferenceParameters, plan_ref: ArtifactRef, answered: ArtifactRef, mesh: Mesh
) -> ArtifactRef:
    """Decide by what the nodes counted during the run whether layers should move; returns the plan from now on.

    `answered` is what must have happened before. The prompts are answered by then, so what goes wrong here is said and
    fails nothing.
    """
    settings, store = Settings(), open_store(Settings())
    plan, dry_run = Plan.from_json(store.read(plan_ref.digest)), not parameters.mesh
    try:
        done = engine.reoptimise(parameters, plan, mesh, settings)
    except (NotMeasured, NodeLost, StageFailed, RequestRefused) as error:
        _say(f"Whether layers should move is not known: {error}")
        return plan_ref
    sentence = move_sentence(done, dry_run=dry_run)
    create_table_artifact(move_rows(done), key="inference-moves", description=sentence)
    _say(sentence)
    if done.plan == plan:
        return plan_ref
    return store.put_artifact(done.plan.to_json().encode(), "inference-plan", parameters.model_name)


@task(name="run locally", tags=["whole-model"], cache_policy=NO_CACHE)
def answer_locally(parameters: InferenceParameters) -> ArtifactRef:
    """Answer the prompts with the whole model in this process: what happens where sharding is switched off."""
    settings = Settings()
    _say("Sharding is switched off (DISTRIBUTED_INFERENCE_SHARDING_ENABLED): the whole model runs in this process.")
    stream = AnswerStream(console, parameters.prompts)
    with _answering("run", stream, "check that this machine has memory for the whole model."):
        result = engine.generate_locally(parameters, settings, stream)
    return put_generation(open_store(settings), result, "inference-answer", parameters.model_name)


@task(name="compare", tags=["whole-model"], cache_policy=NO_CACHE)
def measure_baseline(parameters: InferenceParameters) -> ArtifactRef:
    """Answer the same prompts with transformers in one fresh process, to compare with; returns its answer."""
    settings = Settings()
    console.print("\nThe same in one process, to compare …", style="dim")
    with stage("compare", _ADVICE, "run without it (`--no-compare`) if the model does not fit this machine."):
        result = engine.baseline(parameters, settings)
    return put_generation(open_store(settings), result, "inference-baseline", parameters.model_name)


@task(name="report", cache_policy=NO_CACHE)
def publish_answer(
    parameters: InferenceParameters, answer: ArtifactRef, baseline: ArtifactRef | None
) -> dict[str, Any]:
    """Show the answer and its figures as an artifact; returns the figures to record."""
    store = open_store(Settings())
    result = get_generation(store, answer)
    alone = get_generation(store, baseline) if baseline else None
    create_markdown_artifact(answer_markdown(parameters.prompts, result, alone), key="inference-answer")
    return {"model": parameters.model_name, "answer": answer.digest} | run_figures(result, alone)


def _say(sentence: str) -> None:
    """On the terminal of a command-line run, and in the run's log on the server."""
    console.print(sentence)
    get_run_logger().info(sentence)


def _previous_plan(store: Store, model_name: str) -> Plan | None:
    """Where the layers lay at the last run. It only saves transfers, so one that cannot be read is done without."""
    try:
        ref = store.ref("inference-plan", model_name)
        return Plan.from_json(store.read(ref.digest)) if ref else None
    except (StoreError, InvalidPlan) as error:
        get_run_logger().warning("The last placement is not looked at: %s", error)
        return None


@contextmanager
def _answering(name: str, stream: AnswerStream, advice: str) -> Iterator[None]:
    """Show the answer as it is written; a failure after the first text is final."""
    stream.start()
    try:
        with stage(name, _ADVICE, advice):
            yield
    except TaskFailed as failure:
        failure.worth_retrying &= not stream.emitted
        raise
    finally:
        stream.finish()
