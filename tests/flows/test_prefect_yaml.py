"""`prefect.yaml` against the flows: entrypoints, parameters and events that exist, without a server."""

from importlib import import_module

import pytest
import yaml
from prefect.utilities.callables import parameter_schema

from deployments.bootstrap import OURS, ROOT
from tasks.evolution_events import CHECKPOINT_REGISTERED, REGRESSED
from tasks.triage_events import ACKNOWLEDGED, OPENED, RESOLVED

DEPLOYMENTS = {each["name"]: each for each in yaml.safe_load((ROOT / "prefect.yaml").read_text())["deployments"]}


def flow_of(deployment: dict):
    module, _, name = deployment["entrypoint"].rpartition(".")
    return getattr(import_module(module), name)


def flow_hooks(flow) -> tuple[list, list, list]:
    return flow.on_failure_hooks, flow.on_crashed_hooks, flow.on_cancellation_hooks


@pytest.mark.parametrize("name", DEPLOYMENTS)
def test_a_deployment_has_what_its_form_needs(name: str):
    deployment = DEPLOYMENTS[name]
    flow = flow_of(deployment)
    assert deployment["tags"][0] == OURS
    assert deployment["version"] == "{{ $STRATA_PARAMETERS_VERSION }}"
    assert flow.timeout_seconds
    assert all(flow_hooks(flow))
    assert len(deployment["description"]) > 50
    assert deployment["concurrency_limit"]["limit"] == 1
    flow.validate_parameters(deployment["parameters"])
    (parameters,) = parameter_schema(flow.fn).definitions.values()
    assert all({"title", "description"} <= field.keys() for field in parameters["properties"].values())


@pytest.mark.parametrize(
    ("name", "event", "payload"),
    [
        ("evolution-on-checkpoint", CHECKPOINT_REGISTERED, {"run": "my-run", "step": 7}),
        ("rollback", REGRESSED, {"champion": "a" * 64, "reason": "worse in math", "incident": 1}),
    ],
)
def test_a_trigger_fills_the_parameters_from_its_event(name: str, event: str, payload: dict):
    deployment = DEPLOYMENTS[name]
    (trigger,) = deployment["triggers"]
    assert trigger["expect"] == [event]
    given = trigger["parameters"]["parameters"]
    filled = {
        key: payload[value.strip("{} ").removeprefix("event.payload.")] if str(value).startswith("{{") else value
        for key, value in given.items()
    }
    assert set(payload.values()) & set(filled.values())
    flow_of(deployment).validate_parameters({"parameters": filled})


def test_the_schedule_sweeps_a_real_mesh():
    (schedule,) = DEPLOYMENTS["mesh"]["schedules"]
    chosen = flow_of(DEPLOYMENTS["mesh"]).validate_parameters(schedule["parameters"])["parameters"]
    assert chosen.mesh == "home"


def test_triage_is_started_by_every_change_of_a_case():
    (trigger,) = DEPLOYMENTS["triage"]["triggers"]
    assert trigger["expect"] == [OPENED, ACKNOWLEDGED, RESOLVED]


def test_only_what_should_runs_by_itself():
    assert {name for name, each in DEPLOYMENTS.items() if each["schedules"]} == {"evolution", "watch", "mesh", "health"}
    assert {name for name, each in DEPLOYMENTS.items() if each.get("triggers")} == {
        "evolution-on-checkpoint",
        "rollback",
        "triage",
    }
