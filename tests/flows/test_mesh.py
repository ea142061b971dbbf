"""The mesh flow on real processes: what it finds, mends, and leaves to be read."""

import io
import json
from pathlib import Path

import pytest
from pydantic import ValidationError
from rich.console import Console

from flows import mesh_summary
from flows.mesh import run
from strata.mesh import LocalMesh, Network, Peer, Quality
from strata.settings import Settings
from strata.store import IncidentLog, Ledger, Store
from tasks import mesh as mesh_tasks
from tasks.mesh_parameters import MeshParameters
from tasks.mesh_reach import weakest
from tasks.mesh_report import page_path, picture_path

pytestmark = pytest.mark.usefixtures("prefect_api")


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)
    return Settings()


def test_the_demonstration_kills_members_and_mends_what_they_leave(home: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(mesh_tasks, "PROBERS_IN_A_TASK", 3)  # so that there are several batches
    outcome = run(MeshParameters(members=6, kill=2))
    founded, mended = outcome.rounds
    assert len(founded.sweeps[0].weak.components) == 6
    assert mended.sweeps[0].discovery.dead == outcome.killed
    assert len(mended.sweeps[0].weak.components) > 1
    assert mended.judgement.verdict == "keep"
    last = mended.sweeps[-1]
    assert (last.reach, last.weak.vertex_connectivity >= 2) == (1.0, True)
    assert len(founded.sweeps[0].probes) == 15

    with Ledger(home.ledger) as ledger:
        (recorded,) = ledger.runs()
    assert (recorded.pipeline, recorded.state, recorded.figures["killed"]) == (
        "mesh",
        "completed",
        list(outcome.killed),
    )
    assert [sweep["alive"] for sweep in recorded.figures["sweeps"]] == [6, 6, 4, 4]
    with IncidentLog(home.ledger) as log:
        told = log.recent("mesh")
    assert {each.subject for each in told if each.kind == "dead member"} == set(outcome.killed)
    assert "mesh in parts" in {each.kind for each in told}
    assert {each.state for each in told} == {"resolved"}  # that mesh is no more
    page = page_path(home).read_bytes()
    assert page == Store(home.store_root).read(outcome.page.digest)
    assert page.count(b"<svg") == 2
    assert picture_path(home).read_bytes().startswith(b"\x89PNG")

    written = io.StringIO()
    monkeypatch.setattr(mesh_summary, "console", Console(file=written, width=160))
    mesh_summary.show(outcome)
    assert "the change is kept" in written.getvalue()
    assert json.loads(json.dumps(mesh_summary.as_dictionary(outcome)))["killed"] == list(outcome.killed)


def test_a_real_mesh_is_swept_and_nothing_is_killed(home: Settings, tmp_path: Path):
    with LocalMesh(tmp_path, 3) as mesh:
        named = MeshParameters(mesh=str(mesh.mesh_file), identity=str(mesh.identity_file))
        first, second = run(named), run(named)
    assert (len(first.rounds), len(first.rounds[0].sweeps)) == (1, 2)
    assert (second.rounds[0].applied, len(second.rounds[0].sweeps[0].network.links)) == (None, 3)
    assert second.rounds[0].sweeps[0].number == 2
    assert b"in 3 sweeps" in page_path(home).read_bytes()


def test_a_change_that_a_run_has_left_unjudged_is_judged_by_the_next(
    home: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    def dies(reach, change):
        raise KeyError("the power went")

    with LocalMesh(tmp_path, 3) as mesh:
        named = MeshParameters(mesh=str(mesh.mesh_file), identity=str(mesh.identity_file))
        with monkeypatch.context() as patched:
            patched.setattr("flows.mesh.apply_change", dies)
            with pytest.raises(KeyError):
                run(named)
        judged, mended = run(named).rounds[0], run(named).rounds[0]
    assert (len(judged.applied.change.add), judged.judgement.verdict) == (3, "keep")
    assert (judged.before.links, mended.before) == ({}, None)
    assert len(mended.sweeps[-1].network.links) == 3


def test_a_mesh_of_which_nobody_answers_is_told_of(home: Settings, tmp_path: Path):
    with LocalMesh(tmp_path, 2) as mesh:
        named = MeshParameters(mesh=str(mesh.mesh_file), identity=str(mesh.identity_file))
    outcome = run(named)
    (sweep,) = outcome.rounds[0].sweeps
    assert (sweep.discovery.dead, sweep.reach, sweep.probes) == (("node-1", "node-2"), 0.0, {})
    with IncidentLog(home.ledger) as log:
        assert [each.kind for each in log.open_ones("mesh")] == ["dead member", "dead member"]
    assert b"0 of 2 members live" in page_path(home).read_bytes()


def test_where_reliability_is_off_it_only_looks(home: Settings, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIBP2P_MESH_RELIABILITY", "false")
    outcome = run(MeshParameters(members=3, kill=0))
    (only,) = outcome.rounds
    assert (only.applied, len(only.sweeps), len(only.sweeps[0].network.possible)) == (None, 1, 3)


@pytest.mark.parametrize("switch", ["ARCHAEOLOGICAL_PHASE_2_ENABLED", "ARCHAEOLOGICAL_LIBP2P_ENHANCED"])
def test_switched_off_it_says_so_and_starts_nothing(home: Settings, monkeypatch: pytest.MonkeyPatch, switch: str):
    monkeypatch.setenv(switch, "false")
    state = run(return_state=True)
    assert (state.name, switch in state.message) == ("Skipped", True)


def test_the_schedule_on_a_machine_without_a_mesh_skips(home: Settings):
    state = run(MeshParameters(mesh="home"), return_state=True)
    assert (state.name, "strata mesh init" in state.message) == ("Skipped", True)


def test_a_wrong_file_says_what_to_do(home: Settings):
    state = run(MeshParameters(mesh="/nowhere", identity="/nowhere"), return_state=True)
    with pytest.raises(
        Exception, match=r"cannot read the membership /nowhere.*What to do: check the mesh and identity files"
    ):
        state.result()


def test_two_members_must_stay():
    with pytest.raises(ValidationError, match="two members at least"):
        MeshParameters(members=4, kill=3)


def test_the_weakest_are_those_whose_loss_leaves_most_parts():
    pairs = [("a", "b"), ("b", "c"), ("c", "d"), ("d", "e"), ("b", "f")]
    network = Network({name: Peer(name) for name in "abcdef"}, dict.fromkeys(pairs, Quality(0.01)))
    assert weakest(network, 1) == ("b",)
    assert weakest(network, 2) == ("b", "d")
