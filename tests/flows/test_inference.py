"""The wiring of the inference flow, with a fake behind the engine's port: states, artifacts, failures, the ledger."""

import io
import json
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
from prefect import get_client
from prefect.client.schemas.filters import ArtifactFilter, ArtifactFilterFlowRunId
from pydantic import ValidationError
from rich.console import Console

import tasks.inference
from flows import inference_summary
from flows.inference import run
from strata.inference import (
    DistributionProgress,
    DistributionReport,
    GenerationResult,
    Infeasible,
    NodeLost,
    NotMeasured,
    Plan,
    Rebalanced,
    Recovery,
    ShardReport,
    StageResult,
)
from strata.inference.plan import StagePlan
from strata.inference.rebalance.decide import Stay
from strata.inference.run.measuring import Reading
from strata.settings import Settings
from strata.store import Ledger, Store
from tasks.engine import Mesh
from tasks.inference_parameters import InferenceParameters

pytestmark = pytest.mark.usefixtures("prefect_api")

PARAMETERS = InferenceParameters(prompts=["Why?"], nodes=2, node_memory=0)


READING = Reading((), {}, 1, 3, None)


class FakeEngine:
    """Fixed figures, a plan of two nodes, and at each stage an optional error for each time it is entered."""

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self.errors: dict[str, list[Exception]] = {}
        self.calls: list[str] = []
        self.text_before_error = ""
        self.recoveries: list[Recovery] = []
        self.moved: Plan | None = None

    def _enter(self, stage: str) -> None:
        self.calls.append(stage)
        if self.errors.get(stage):
            raise self.errors[stage].pop(0)

    @contextmanager
    def nodes(self, parameters, settings):
        self._enter("nodes")
        yield Mesh(Path("mesh"), Path("identity"))
        self.calls.append("nodes ended")

    def plan(self, parameters, mesh, settings, previous=None):
        self._enter("plan")
        self.previous = previous
        return self._plan

    def distribute(self, parameters, plan, mesh, settings, progress):
        for stage in plan.stages:
            progress(DistributionProgress(stage.node, stage.weight_bytes, stage.weight_bytes))
        self._enter("distribute")
        shards = [ShardReport(s.node, (s.first, s.last), s.weight_bytes, 0, 0.5) for s in plan.stages]
        return DistributionReport(tuple(shards))

    def generate(self, parameters, plan, mesh, settings, on_text):
        if self.text_before_error:
            on_text(0, self.text_before_error)
        self._enter("generate")
        on_text(0, "Because.")
        stages = [StageResult(s.node, (s.first, s.last), 300, 100, 50, 20, 1000, 2000) for s in plan.stages]
        return replace(result(stages, seconds_per_token=0.05), recoveries=self.recoveries)

    def reoptimise(self, parameters, plan, mesh, settings):
        self._enter("reoptimise")
        return Rebalanced(self.moved or plan, Stay("no other plan is faster", plan, 0.02), READING)

    def generate_locally(self, parameters, settings, on_text):
        self._enter("generate locally")
        on_text(0, "Because.")
        return result([StageResult("this process", (0, 5), 300, 100, 50, 20, 0, 0)], seconds_per_token=0.05)

    def baseline(self, parameters, settings):
        self._enter("baseline")
        return result([StageResult("one process", (0, 5), 300, 100, 50, 20, 0, 0)], seconds_per_token=0.1)


def result(stages: list[StageResult], seconds_per_token: float) -> GenerationResult:
    return GenerationResult(
        token_ids=[[1, 2]],
        text=["Because."],
        stages=stages,
        prompt_tokens=3,
        tokens=2,
        seconds_to_first_token=0.2,
        seconds_per_token=seconds_per_token,
    )


def stage(node: str, first: int, last: int) -> StagePlan:
    return StagePlan(
        node=node,
        first=first,
        last=last,
        weight_bytes=50,
        kv_bytes=20,
        workspace_bytes=10,
        seconds=0.02,
        link_seconds=0.001,
    )


PLAN = Plan(
    model="tiny",
    objective="latency",
    context=64,
    batch=1,
    dtype="float32",
    stages=(stage("node-1", 0, 2), stage("node-2", 3, 5)),
    value=0.041,
    lower_bound=0.041,
    exact=True,
)


@pytest.fixture
def engine(monkeypatch, tmp_path) -> FakeEngine:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    for task in (tasks.inference.plan_layers, tasks.inference.distribute_layers, tasks.inference.answer_prompts):
        monkeypatch.setattr(task, "retry_delay_seconds", 0)
    fake = FakeEngine(PLAN)
    monkeypatch.setattr(tasks.inference, "engine", fake)
    return fake


def artifacts_of(state) -> dict[str, object]:
    """The data of the run's artifacts, by key."""
    with get_client(sync_client=True) as client:
        mine = ArtifactFilter(flow_run_id=ArtifactFilterFlowRunId(any_=[state.state_details.flow_run_id]))
        return {artifact.key: artifact.data for artifact in client.read_artifacts(artifact_filter=mine)}


def last_run():
    with Ledger(Settings().ledger) as ledger:
        return ledger.runs("inference")[0]


def test_the_stages_run_in_order_and_pass_references(engine):
    state = run(PARAMETERS, return_state=True)
    assert state.is_completed()
    assert engine.calls == ["nodes", "plan", "distribute", "generate", "reoptimise", "nodes ended", "baseline"]
    outcome, store = state.result(), Store(Settings().store_root)
    assert Plan.from_json(store.read(outcome.plan.digest)) == PLAN
    assert json.loads(store.read(outcome.answer.digest))["text"] == ["Because."]
    assert json.loads(store.read(outcome.baseline.digest))["stages"][0]["node"] == "one process"


def test_the_run_leaves_its_artifacts(engine):
    shown = artifacts_of(run(PARAMETERS, return_state=True))
    table = json.loads(shown["inference-plan"])
    assert [(row["node"], row["layers"]) for row in table] == [("node-1", "0-2"), ("node-2", "3-5")]
    assert "data:image/svg+xml;base64," in shown["inference-layers"]
    assert shown["inference-distribution"] == 100.0
    assert "**Why?**\n\nBecause." in shown["inference-answer"]
    assert "a token takes 0.50 times as long over the nodes, with the same tokens" in shown["inference-answer"]


def test_where_layers_moved_to_is_where_the_next_run_looks(engine):
    engine.moved = PLAN.model_copy(update={"stages": (stage("node-1", 0, 4), stage("node-2", 5, 5))})
    state = run(PARAMETERS, return_state=True)
    assert json.loads(artifacts_of(state)["inference-moves"])[0]["node"] == "node-1"
    store = Store(Settings().store_root)
    assert Plan.from_json(store.read(state.result().plan.digest)) == PLAN
    assert Plan.from_json(store.read(store.ref("inference-plan", PARAMETERS.model_name).digest)) == engine.moved


def test_an_answer_stands_though_nobody_knows_whether_layers_should_move(engine):
    engine.errors["reoptimise"] = [NotMeasured("too short"), NodeLost("node-1", "the link broke")]
    for _ in range(2):
        state = run(PARAMETERS, return_state=True)
        assert state.is_completed()
        assert "inference-moves" not in artifacts_of(state)


def test_without_the_optimiser_layers_stay(engine, monkeypatch):
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_CROSS_NODE_OPT", "false")
    run(PARAMETERS)
    assert "reoptimise" not in engine.calls


def test_the_run_is_in_the_ledger(engine):
    run(PARAMETERS)
    kept = last_run()
    assert (kept.state, kept.figures["nodes"], kept.figures["tokens"]) == ("completed", 2, 2)
    assert kept.figures["seconds_per_token_in_one_process"] == 0.1


def test_without_comparing_no_other_process_runs(engine):
    run(PARAMETERS.model_copy(update={"compare": False}))
    assert "baseline" not in engine.calls


@pytest.mark.parametrize("flag", ["ARCHAEOLOGICAL_PHASE_2_ENABLED", "ARCHAEOLOGICAL_DISTRIBUTED_INFERENCE"])
def test_switched_off_it_says_so_and_does_not_fail(engine, monkeypatch, flag):
    monkeypatch.setenv(flag, "false")
    state = run(PARAMETERS, return_state=True)
    assert (state.name, state.is_completed()) == ("Skipped", True)
    assert f"set {flag}=true" in state.message
    assert engine.calls == []
    assert last_run().state == "skipped"


def test_without_sharding_the_model_runs_in_this_process(engine, monkeypatch):
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_SHARDING_ENABLED", "false")
    outcome = run(PARAMETERS)
    assert engine.calls == ["generate locally"]
    assert outcome.plan is None


def test_an_infeasible_plan_fails_at_once_and_says_what_to_do(engine):
    engine.errors["plan"] = [Infeasible(1_000_000, "the nodes together are too small")]
    state = run(PARAMETERS, return_state=True)
    assert state.is_failed()
    assert "The plan stage failed" in state.message
    assert "What to do: add nodes" in state.message
    assert engine.calls == ["nodes", "plan"]
    assert last_run().state == "failed"
    assert "What to do" in last_run().figures["error"]


def test_a_broken_distribution_is_retried(engine):
    engine.errors["distribute"] = [NodeLost("node-1", "the link broke")]
    state = run(PARAMETERS, return_state=True)
    assert state.is_completed()
    assert engine.calls.count("distribute") == 2


def test_a_distribution_that_stays_broken_fails_the_flow(engine):
    engine.errors["distribute"] = [NodeLost("node-1", "the link broke")] * 3
    state = run(PARAMETERS, return_state=True)
    assert state.is_failed()
    assert "node node-1 is lost: the link broke. What to do: check that the nodes run" in state.message
    assert engine.calls.count("distribute") == 3
    assert "generate" not in engine.calls


def test_an_answer_is_retried_before_its_first_text_only(engine):
    engine.errors["generate"] = [NodeLost("node-2", "the link broke")]
    assert run(PARAMETERS, return_state=True).is_completed()
    assert engine.calls.count("generate") == 2
    engine.calls.clear()
    engine.errors["generate"] = [NodeLost("node-2", "the link broke")]
    engine.text_before_error = "Be"
    assert run(PARAMETERS, return_state=True).is_failed()
    assert engine.calls.count("generate") == 1


def test_the_summary_has_every_node_and_the_comparison(engine, monkeypatch):
    written = io.StringIO()
    monkeypatch.setattr(inference_summary, "console", Console(file=written, width=120))
    outcome = run(PARAMETERS)
    inference_summary.show(outcome)
    text = written.getvalue()
    assert "node-1" in text
    assert "node-2" in text
    assert "a token takes 0.50 times as long over the nodes, with the same tokens" in text
    parts = inference_summary.as_dictionary(outcome)
    assert set(parts) == {"plan", "answer", "baseline"}
    assert parts["answer"]["token_ids"] == [[1, 2]]


def test_the_summary_of_a_run_in_one_process_has_no_nodes(engine, monkeypatch):
    monkeypatch.setenv("DISTRIBUTED_INFERENCE_SHARDING_ENABLED", "false")
    outcome = run(PARAMETERS)
    assert set(inference_summary.as_dictionary(outcome)) == {"answer"}


def test_what_an_answer_survived_is_shown_and_counted(engine):
    engine.recoveries = [Recovery("node-2", (3, 5), "its link ended", "moved 3 layer(s) from 3 on to node-3", 0.75)]
    state = run(PARAMETERS, return_state=True)
    shown = artifacts_of(state)
    assert json.loads(shown["inference-recoveries"])[0]["response"] == "moved 3 layer(s) from 3 on to node-3"
    assert "## Recoveries" in shown["inference-answer"]
    assert last_run().figures["recoveries"] == 1


def test_only_local_nodes_are_killed_for_a_rehearsal():
    with pytest.raises(ValidationError, match="only local nodes can be killed"):
        InferenceParameters(mesh="mesh", identity="key", chaos=3)
