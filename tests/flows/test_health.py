"""The health report: what it finds in a ledger and a store, and what it leaves to be read."""

import json
import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from prefect import get_client

from flows import health_summary
from flows.health import run
from strata.settings import Settings
from strata.store import ChampionLog, Explanation, IncidentLog, Ledger, MemoryLog, MemorySample, Store
from tasks.health import REPORT, RUNS, page_path
from tasks.health_figures import look
from tasks.health_page import health_page, verdict
from tasks.health_parameters import HealthParameters


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)
    return Settings()


@pytest.fixture
def busy(home: Settings) -> Settings:
    """A home in which a day of everything has left something."""
    store = Store(home.store_root)
    champion = store.put(b"champion")
    loose = store.put(b"loose!")
    for digest in (champion, loose):
        path = store.layout.blob(digest)
        os.utime(path, (path.stat().st_mtime - 7200,) * 2)
    swept = {"mesh": "m" * 20, "sweeps": [_sweep(1, 1.0), _sweep(2, 0.5)]}
    with Ledger(home.ledger) as ledger:
        ledger.finish_run(ledger.start_run("mesh", "1"), "completed", swept)
        ledger.finish_run(ledger.start_run("inference", "1"), "failed", {"error": "broke"})
        ledger.finish_run(ledger.start_run("inference", "1"), "completed", {})
        ledger.start_run("evolution", "1")
        log = IncidentLog(ledger)
        log.begin(pipeline="mesh", kind="dead member", subject="node-1", detail="nobody reaches it")
        log.resolve(log.begin(pipeline="inference", kind="lost node", subject="node-2", detail="killed"), "moved")
        status = {"memory_bytes": 1000, "weight_bytes": 300, "sessions": 2}
        MemoryLog(ledger).add([MemorySample("node-3", datetime.now(UTC), 1000, 300, status)])
        ChampionLog(ledger).move(champion, expected=None, why=Explanation("promotion", "better"))
    return home


def _sweep(number: int, reach: float) -> dict[str, object]:
    at = datetime.now(UTC).timestamp()
    return {"number": number, "at": at, "members": 4, "alive": 3, "reach": reach, "dead": ["node-1"]}


def test_it_finds_what_needs_a_person(busy: Settings):
    health = look(HealthParameters(), busy, datetime.now(UTC))
    assert {each.pipeline: dict(each.ended) for each in health.runs} == {
        "mesh": {"completed": 1},
        "inference": {"failed": 1, "completed": 1},
        "evolution": {"running": 1},
    }
    assert [each.subject for each in health.open] == ["node-1"]
    assert health.ended == 1
    (mesh,) = health.meshes
    assert (mesh.sweeps, mesh.share, mesh.members, mesh.alive) == (2, 0.75, 4, 3)
    assert (health.store.blobs, health.store.size) == (1, len(b"champion"))
    assert (health.store.unnamed, health.store.unnamed_size) == (1, len(b"loose!"))
    (node,) = health.nodes
    assert (node.node, node.used, node.budget, node.sessions) == ("node-3", 300, 1000, 2)
    assert verdict(health) == "1 run failed or crashed and 1 incident is open"
    page = health_page(health)
    assert page.severity == "medium"
    assert [part.title for part in page.sections] == [
        "Runs",
        "Open incidents",
        "Meshes",
        "Champion",
        "Memory of nodes",
        "Store",
    ]


def test_what_is_long_ago_is_not_told(busy: Settings):
    later = look(HealthParameters(hours=1), busy, datetime.now(UTC) + timedelta(hours=2))
    assert (later.runs, later.meshes, later.ended, later.nodes) == ((), (), 0, ())
    assert [each.subject for each in later.open] == ["node-1"]  # it is open still
    assert later.champion is not None


def test_of_an_empty_home_nothing_needs_anybody(home: Settings):
    health = look(HealthParameters(), home, datetime.now(UTC))
    assert verdict(health) == "Nothing needs anybody"
    assert health_page(health).severity == "none"
    assert health.champion is None


@pytest.mark.usefixtures("prefect_api")
def test_the_flow_leaves_a_page_and_artifacts(busy: Settings, capsys: pytest.CaptureFixture[str]):
    outcome = run(HealthParameters(hours=48))
    page = page_path(busy).read_bytes()
    assert page == Store(busy.store_root).read(outcome.page.digest)
    assert b"nobody reaches it" in page
    with get_client(sync_client=True) as client:
        kinds = {each.key: each.type for each in client.read_artifacts()}
    assert (kinds[REPORT], kinds[RUNS]) == ("markdown", "table")
    with Ledger(busy.ledger) as ledger:
        (line,) = ledger.runs("health")
    assert (line.state, line.figures["open_incidents"], line.figures["hours"]) == ("completed", 1, 48)
    assert json.loads(json.dumps(health_summary.as_dictionary(outcome)))["mesh_uptime"] == {"m" * 20: 0.75}


@pytest.mark.usefixtures("prefect_api")
def test_switched_off_it_says_so(home: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("ARCHAEOLOGICAL_PHASE_2_ENABLED", "false")
    assert run(return_state=True).name == "Skipped"
