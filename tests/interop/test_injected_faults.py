"""What goes wrong is one case each, within seconds: in the API, and in Prefect's user interface as a browser shows it.

Everything is served as by `make serve`, over a mesh of five nodes, each on a machine of its own (a network namespace).
A node is killed in the middle of an answer, the mesh is cut in two, a champion is worse than the one before it, and a
migration fails. `-rP` shows after how many seconds each was seen.

All tests of this file share what is served, in their order.
"""

import json
import shutil
import signal
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
import trio

from strata.inference import GenerationParams, LocalCluster, generate_locally
from strata.store import IncidentLog, TokenLog
from tests.benchmarks.support.namespaces import Namespaces, why_no_namespaces
from tests.support.champions import SHIPPED, plant, spoiled
from tests.support.chrome import chrome, find_chrome
from tests.support.fleet import tokenizer_with_words
from tests.support.nodes import tiny_llama
from tests.support.prefect_server import ENDED, until
from tests.support.served import Served, served

pytestmark = pytest.mark.timeout(600)

NODES = 5
CONTEXT, TOKENS = 1024, 600
QUESTION = "tell me a story"
SEEN_SECONDS = 60  # a busy machine is slow; how long it took is shown
SAMPLE = Path("data/sample_project")


class Machines(LocalCluster):
    """Nodes of which each is on a machine of its own."""

    def __init__(self, home: Path, machines: Namespaces) -> None:
        super().__init__(home, NODES, threads=1)
        self._machines = machines

    def host(self, name: str) -> str:
        return self._machines.addresses[name]

    def wrapped(self, name: str, command: Sequence[str]) -> Sequence[str]:
        return [*self._machines.within(name), *command]


@dataclass
class World:
    """What is served, the nodes that it is over, and the network between them, where that can be cut.

    seen: of each fault, after how many seconds the API and the user interface told of it. looked_at: in a browser.
    """

    serving: Served
    cluster: LocalCluster
    machines: Namespaces | None
    client: httpx.Client
    profile: Path
    seen: dict[str, tuple[float, float]] = field(default_factory=dict)
    looked_at: set[str] = field(default_factory=set)

    def cases(self, pipeline: str, kind: str) -> list[dict[str, Any]]:
        """Those that the API lists."""
        answer = self.client.get("/v1/monitoring/triage/cases", params={"pipeline": pipeline, "limit": 100})
        answer.raise_for_status()
        return [case for case in answer.json()["cases"] if case["kind"] == kind]

    def run(self, deployment: str, **parameters: Any) -> dict[str, Any]:
        """A run of a deployment, once it has ended."""
        before = len(self.serving.api.runs_of(deployment))
        self.serving.api.create_run(deployment, parameters)
        return until(lambda: self.ended(deployment, before), 300, f"a run of {deployment} ends")

    def ended(self, deployment: str, before: int = 0) -> dict[str, Any] | None:
        """The latest run, where that has ended and there are more than so many."""
        runs = self.serving.api.runs_of(deployment)
        return runs[-1] if len(runs) > before and runs[-1]["state_type"] in ENDED else None

    def sweep(self) -> dict[str, Any]:
        """Sweep the mesh of the nodes."""
        return self.run("mesh", mesh=str(self.cluster.mesh_file), identity=str(self.cluster.identity_file))

    def told(self, pipeline: str, kind: str, subject: str | None = None) -> dict[str, Any]:
        """The one case of that kind, once the API and the user interface tell of it while it is not resolved."""

        def found() -> list[dict[str, Any]]:
            return [case for case in self.cases(pipeline, kind) if subject in (None, case["subject"])]

        (case,) = until(found, SEEN_SECONDS, f"the API tells of '{kind}'")
        began = datetime.fromisoformat(case["first"]).timestamp()
        api = time.time() - began
        said = f"{kind}: {case['subject']}"
        artifact = until(lambda: self.artifact(said), SEEN_SECONDS, f"the table of cases has '{said}'")
        self.seen[said] = api, time.time() - began
        if find_chrome() is not None:
            trio.run(self._see, f"{self.serving.told['ui']}/artifacts/artifact/{artifact}", said)
        (case,) = found()
        return case

    def artifact(self, text: str) -> str | None:
        """The latest table of cases, where that has the text."""
        table = self.serving.api.artifact("triage")
        return table["latest_id"] if table is not None and text in table["data"] else None

    async def _see(self, url: str, text: str) -> None:
        """Have a browser show a page that has the text."""
        async with chrome(find_chrome(), self.profile) as tab:
            await tab.open(url)
            await tab.until(f"document.body.innerText.includes({json.dumps(text)})", SEEN_SECONDS)
        self.looked_at.add(text)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_llama(folder, context=CONTEXT)
    tokenizer_with_words(folder)
    return folder


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, model: Path) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("world")
    with ExitStack() as stack:
        machines, cluster = None, LocalCluster(folder, NODES, threads=1)
        if not why_no_namespaces():
            machines = stack.enter_context(Namespaces([f"node-{number}" for number in range(1, NODES + 1)]))
            cluster = Machines(folder, machines)
        stack.enter_context(cluster)
        fleet = ("--mesh", str(cluster.mesh_file), "--identity", str(cluster.identity_file), "--model", str(model))
        # Layers are split evenly, so that all nodes have some.
        even = {"DISTRIBUTED_INFERENCE_CROSS_NODE_OPT": "false"}
        serving = stack.enter_context(served(folder / "home", *fleet, nodes=None, **even))
        serving.api.pause_schedules()  # nothing but what is done here is to be seen
        with TokenLog(serving.settings.ledger) as log:
            secret = log.create("tester", ("read", "infer", "operate"))[1]
        headers = {"Authorization": f"Bearer {secret}"}
        client = stack.enter_context(httpx.Client(base_url=serving.told["api"], headers=headers, timeout=60))
        yield World(serving, cluster, machines, client, folder / "browser")


def answered(client: httpx.Client, on_piece: Callable[[int], None]) -> str:
    """What the fleet says; calls back with the number of each piece."""
    body = {"text": QUESTION, "max_new_tokens": TOKENS, "temperature": 0}
    said, name = "", ""
    with client.stream("POST", "/v1/inference/distributed/execute", json=body) as response:
        assert response.status_code == 200, response.read()
        for number, line in enumerate(response.iter_lines()):
            if line.startswith("event:"):
                name = line.removeprefix("event:").strip()
            elif line.startswith("data:"):
                assert name != "error", line
                said += json.loads(line.removeprefix("data:")).get("text", "") if name == "text" else ""
                on_piece(number)
    assert name == "done"
    return said


def test_a_node_that_dies_in_an_answer_is_seen_and_explained_by_its_death(world: World, model: Path) -> None:
    expected = generate_locally(model, [QUESTION], GenerationParams(max_new_tokens=TOKENS, context=CONTEXT, chat=False))
    until(lambda: world.client.get("/v1/models").json().get("data"), 120, "the fleet answers")
    assert world.sweep()["state_type"] == "COMPLETED"  # it gives them links
    nodes = world.client.get("/v1/inference/distributed/status").json()["nodes"]
    victim = next(node["name"] for node in nodes if node["layers"])
    struck = False

    def strike(number: int) -> None:
        nonlocal struck
        if number > 20 and not struck:
            world.cluster.kill(victim)
            struck = True

    assert answered(world.client, strike) == expected.text[0]
    assert struck
    case = world.told("inference", "stage failed", victim)
    assert (case["count"], case["state"]) == (1, "resolved")
    assert "moved" in case["playbook"]["automatic"]
    assert case["response"]

    assert world.sweep()["state_type"] == "COMPLETED"
    death = world.told("mesh", "dead member", victim)
    assert (death["count"], death["state"], death["effects"]) == (1, "open", [case["id"]])
    (explained,) = world.cases("inference", "stage failed")
    assert (explained["id"], explained["cause"], explained["count"]) == (case["id"], death["id"], 1)


def test_a_partition_is_seen_and_over_when_it_is(world: World) -> None:
    if world.machines is None:
        pytest.skip(f"NOT TESTED: links can be cut in network namespaces only: {why_no_namespaces()}")
    alive = [node.name for node in world.cluster.nodes if node.process.poll() is None]
    sides = alive[:2], alive[2:]
    for one in sides[0]:
        for other in sides[1]:
            world.machines.cut(one, other)
    assert world.sweep()["state_type"] == "COMPLETED"
    case = world.told("mesh", "mesh in parts")
    assert (case["count"], case["state"], case["severity"]) == (1, "open", "high")
    assert any(all(name in case["detail"] for name in side) for side in sides)

    for one in sides[0]:
        for other in sides[1]:
            world.machines.heal(one, other)

    def over() -> bool:
        """Links that were given up are made again after a while."""
        assert world.sweep()["state_type"] == "COMPLETED"
        (case,) = world.cases("mesh", "mesh in parts")
        return case["state"] == "resolved"

    until(over, 120, "the mesh is whole again")


def test_a_regression_is_seen_with_its_rollback(world: World, tmp_path: Path) -> None:
    good, bad = plant(world.serving.settings, SHIPPED / "coding", spoiled(tmp_path / "spoiled"))
    world.serving.api.create_run("watch", {"items": 1000})
    case = world.told("evolution", "regression", bad)
    run = until(lambda: world.ended("rollback"), 300, "the rollback ends")
    assert (run["state_type"], run["created_by"]["type"]) == ("COMPLETED", "AUTOMATION")
    (case,) = until(
        lambda: [each for each in world.cases("evolution", "regression") if each["state"] == "resolved"],
        SEEN_SECONDS,
        "the case ends",
    )
    assert (case["count"], case["response"]) == (1, f"rolled back to {good}")


def test_a_migration_that_fails_is_seen_until_one_completes(world: World, tmp_path: Path) -> None:
    """The project is not where it was said to be, and is put there then."""
    project = tmp_path / "project"
    assert world.run("migration", tree=str(project))["state_type"] == "FAILED"
    case = world.told("migration", "flow run failed")
    assert (case["count"], case["state"]) == (1, "open")
    assert str(project) in case["detail"]
    assert "node processes of the run are ended" in case["playbook"]["automatic"]

    shutil.copytree(SAMPLE, project)
    assert world.run("migration", tree=str(project))["state_type"] == "COMPLETED"
    until(
        lambda: [each for each in world.cases("migration", "flow run failed") if each["state"] == "resolved"],
        SEEN_SECONDS,
        "the case ends",
    )


def injected(world: World) -> list[tuple[str, str]]:
    """Pipeline and kind of each case that there is to be, in order."""
    parts = [] if world.machines is None else [("mesh", "mesh in parts")]
    return [
        ("evolution", "regression"),
        ("inference", "stage failed"),
        ("mesh", "dead member"),
        *parts,
        ("migration", "flow run failed"),
    ]


def test_a_browser_has_shown_each(world: World) -> None:
    if find_chrome() is None:
        pytest.skip("NOT TESTED: there is no chromium (apt-get install chromium)")
    kinds = [said.partition(":")[0] for said in world.looked_at]
    assert sorted(kinds) == sorted(kind for _, kind in injected(world))


def test_nothing_else_was_told(world: World) -> None:
    """The last one: each was one case, and there are no others."""
    with IncidentLog(world.serving.settings.ledger) as log:
        found = sorted((each.pipeline, each.kind) for each in log.recent(limit=200))
    weak = {"single member that cuts the mesh", "single link that cuts the mesh"}  # of a mesh of so few, on the way
    assert [each for each in found if each[1] not in weak] == injected(world)
    for said, (api, ui) in world.seen.items():
        print(f"{said[:60]:60} {api:6.1f} s to the API {ui:6.1f} s to the user interface")
    family = world.serving.family()
    assert world.serving.stop(signal.SIGTERM) == 0
    assert psutil.wait_procs(family, timeout=20)[1] == []
