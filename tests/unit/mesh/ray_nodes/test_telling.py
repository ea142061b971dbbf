"""What befalls nodes, as incidents."""

from pathlib import Path

from strata.mesh import NodeIncidents, NodeNews
from strata.store import IncidentLog


def news(kind: str, node: str = "ray-1", **more) -> NodeNews:
    return NodeNews(kind, node, "10.0.0.1", "10.0.0.1:9", **more)


def test_a_death_is_one_incident_until_the_node_is_back(tmp_path: Path):
    with IncidentLog(f"sqlite:///{tmp_path}/ledger.sqlite") as log:
        incidents = NodeIncidents(log)
        for each in (
            news("ready"),
            news("died", detail="its process ended by SIGKILL", seconds=0.5),
            news("failed", detail="port taken", seconds=1.0),
            news("back", seconds=7.5),
            news("ended"),
        ):
            incidents.tell(each)
        (found,) = log.recent()
    assert (found.pipeline, found.kind, found.subject, found.state) == ("mesh", "node died", "ray-1", "resolved")
    assert found.detail == "its process ended by SIGKILL"
    assert found.response == "started again on 10.0.0.1"
    assert found.figures == {"machine": "10.0.0.1", "address": "10.0.0.1:9", "seconds": 7.5, "attempts": 2}


def test_one_that_is_not_back_when_the_mesh_is_taken_down_is_abandoned(tmp_path: Path):
    with IncidentLog(f"sqlite:///{tmp_path}/ledger.sqlite") as log:
        incidents = NodeIncidents(log)
        for each in (news("lost"), news("died", "ray-2"), news("back", "ray-2"), news("ended"), news("ended", "ray-2")):
            incidents.tell(each)
        assert {each.subject: each.state for each in log.recent()} == {"ray-1": "abandoned", "ray-2": "resolved"}
