"""The port's adapter to `strata.inference`: a trio loop for each stage, and nodes that outlive it."""

import time
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import TypeVar

import trio

from strata.inference import (
    Checkpoint,
    Coordinator,
    DistributionReport,
    GenerationParams,
    GenerationResult,
    LocalCluster,
    Plan,
    Rebalanced,
    SamplingParams,
    answer_prompts,
    balanced_plan,
    generate_baseline,
    generate_locally,
    keep_placement,
    make_plan,
    profile_model,
    recording,
    resolve_model,
    with_most_sessions,
)
from strata.mesh import open_roster, read_membership, recent_sweeps
from strata.secure import Identity
from strata.settings import Settings
from strata.telemetry import span
from tasks import loop
from tasks.chaos import killing
from tasks.engine import Mesh, OnProgress, OnText
from tasks.inference_parameters import InferenceParameters
from tasks.terminal import console

T = TypeVar("T")


class StrataEngine:
    """See `tasks.engine.Engine` for what each method promises."""

    @contextmanager
    def nodes(self, parameters: InferenceParameters, settings: Settings) -> Iterator[Mesh]:
        """The named mesh, or a `LocalCluster`."""
        resolve_model(parameters.model, settings)  # a wrong name should not cost the start of nodes
        if parameters.mesh:
            yield Mesh(Path(parameters.mesh), Path(parameters.identity))
            return
        with LocalCluster(settings.home, parameters.nodes, parameters.node_memory_bytes) as cluster:
            processes = {node.name: node.process.pid for node in cluster.nodes}
            yield Mesh(cluster.mesh_file, cluster.identity_file, processes)

    def plan(
        self, parameters: InferenceParameters, mesh: Mesh, settings: Settings, previous: Plan | None = None
    ) -> Plan:
        """`make_plan` by survey and `keep_placement`, or `balanced_plan`."""
        model, held = resolve_model(parameters.model, settings), (parameters.held_weights, parameters.held_kv_cache)
        profile = profile_model(model, parameters.dtype, *held)
        # A converted model lies in a folder named by its digest; people know it by what they asked for.
        profile = replace(profile, name=parameters.model_name)
        sessions, context = len(parameters.prompts), parameters.context

        async def survey(coordinator: Coordinator) -> Plan:
            # Local nodes without a budget are there to share the work, where the fastest plan would use one of them.
            limited = bool(parameters.mesh) or parameters.node_memory_bytes is not None
            if not (limited and settings.cross_node_optimiser):
                nodes = await coordinator.inventory()
                return with_most_sessions(
                    lambda count: balanced_plan(profile, nodes, context, sessions=count), sessions
                )
            measured = await coordinator.survey()
            nodes, links = measured.nodes, measured.links
            console.print(measured.sentence(time.time()))
            objective = parameters.objective
            best = with_most_sessions(
                lambda count: make_plan(profile, nodes, links, objective, context=context, sessions=count), sessions
            )
            return keep_placement(previous, best, profile, nodes, links)

        with span("plan", sessions=sessions):
            return _run(mesh, settings, parameters.timeout, survey)

    def distribute(
        self, parameters: InferenceParameters, plan: Plan, mesh: Mesh, settings: Settings, progress: OnProgress
    ) -> DistributionReport:
        """`Coordinator.distribute`, from the checkpoint's files."""
        checkpoint = Checkpoint.open(resolve_model(parameters.model, settings))
        return _run(
            mesh,
            settings,
            parameters.timeout,
            lambda coordinator: coordinator.distribute(checkpoint, plan, progress),
        )

    def generate(
        self, parameters: InferenceParameters, plan: Plan, mesh: Mesh, settings: Settings, on_text: OnText
    ) -> GenerationResult:
        """`answer_prompts`, watched."""
        checkpoint = Checkpoint.open(resolve_model(parameters.model, settings))
        prompts, how = parameters.prompts, _generation(parameters)
        if parameters.chaos:
            on_text = killing(on_text, parameters.chaos, plan, mesh.processes)
        with recording(settings.ledger, parameters.answer_name or None) as (watcher, journal):
            return _run(
                mesh,
                settings,
                parameters.timeout,
                lambda coordinator: answer_prompts(
                    coordinator, checkpoint, plan, prompts, how, on_text=on_text, watcher=watcher, journal=journal
                ),
            )

    def reoptimise(self, parameters: InferenceParameters, plan: Plan, mesh: Mesh, settings: Settings) -> Rebalanced:
        """`Coordinator.rebalance`, by the run that is over; local nodes, which end with the flow, are left alone."""
        checkpoint = Checkpoint.open(resolve_model(parameters.model, settings))
        dry_run, recent = not parameters.mesh, parameters.timeout
        return _run(
            mesh,
            settings,
            parameters.timeout,
            lambda coordinator: coordinator.rebalance(checkpoint, plan, dry_run=dry_run, recent=recent, patience=0.0),
        )

    def generate_locally(
        self, parameters: InferenceParameters, settings: Settings, on_text: OnText
    ) -> GenerationResult:
        """`generate_locally`."""
        model = resolve_model(parameters.model, settings)
        prompts, how = parameters.prompts, _generation(parameters)
        held = {"weights": parameters.held_weights, "kv_cache": parameters.held_kv_cache}
        return generate_locally(model, prompts, how, on_text, parameters.dtype, **held)

    def baseline(self, parameters: InferenceParameters, settings: Settings) -> GenerationResult:
        """`generate_baseline`, which starts a process of its own."""
        model = resolve_model(parameters.model, settings)
        return generate_baseline(model, parameters.prompts, _generation(parameters), parameters.dtype)


def _run(mesh: Mesh, settings: Settings, timeout: float, stage: Callable[[Coordinator], Awaitable[T]]) -> T:
    """Connect to the mesh, run one stage, and disconnect; raises TooSlowError after `timeout` seconds."""

    async def connected() -> T:
        identity, membership = Identity.load(mesh.identity), read_membership(mesh.membership)
        roster, sealed = open_roster(membership, settings.home), mesh.membership.read_bytes()
        recent = recent_sweeps(settings, membership.mesh_id)
        with trio.fail_after(timeout):
            async with Coordinator.connect(identity, roster, settings.home, sealed, recent) as coordinator:
                return await stage(coordinator)

    return loop.run(connected)


def _generation(parameters: InferenceParameters) -> GenerationParams:
    return GenerationParams(
        max_new_tokens=parameters.max_new_tokens,
        sampling=SamplingParams(parameters.temperature, parameters.top_k, parameters.top_p, parameters.seed),
        chat=parameters.chat_template,
        context=parameters.context,
        speculate=parameters.speculate,
    )
