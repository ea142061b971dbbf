"""`strata mesh topology` and `strata mesh bandwidth`, on the examples that ship."""

import json
import shutil
from pathlib import Path

import pytest

EXAMPLES = Path(__file__).parents[3] / "data" / "mesh"


def test_weak_spots_and_the_links_that_mend_them(strata):
    status, out, error = strata("mesh", "topology", str(EXAMPLES / "graph.json"))
    assert (status or 0, error) == (0, "")
    assert "2 peers: madrid, paris" in out
    assert "2 links: madrid - paris, madrid - phone" in out
    assert "add         berlin - rome  25.0 ms" in out
    assert "77.0 ms of round trip, 2 links (none costs less)" in out
    assert "it survives any 1 failure\n" in out


def test_the_same_as_json(strata):
    status, out, _ = strata("mesh", "topology", str(EXAMPLES / "graph.json"), "--json")
    found = json.loads(out)
    assert (status or 0) == 0
    assert found["before"]["articulation_points"] == ["madrid", "paris"]
    assert found["proposal"]["add"] == [["berlin", "rome"], ["paris", "phone"]]
    assert found["proposal"]["proven_optimal"]
    assert found["after"]["vertex_connectivity"] == 2


def test_what_cannot_be_reached_has_a_status_of_its_own(strata):
    status, out, error = strata("mesh", "topology", str(EXAMPLES / "graph.json"), "--survive", "2")
    assert (status, error) == (3, "")
    assert "it survives any 1 of 2 failures; no links were found for more" in out


def test_links_that_are_not_needed_can_go(strata, tmp_path):
    graph = json.loads((EXAMPLES / "graph.json").read_text())
    graph["links"].append({"ends": ["berlin", "madrid"], "rtt_seconds": 0.5})
    graph["peers"][4]["most_links"] = 5  # of madrid: or else the link goes anyway
    path = tmp_path / "graph.json"
    path.write_text(json.dumps(graph))
    assert "drop" not in strata("mesh", "topology", str(path))[1]
    assert "drop        berlin - madrid  500.0 ms" in strata("mesh", "topology", str(path), "--prune")[1]


def test_a_mesh_in_parts_and_one_beyond_its_limits_say_so(strata, tmp_path):
    path = tmp_path / "graph.json"
    path.write_text(json.dumps({"peers": [{"name": "a"}, {"name": "b"}], "links": []}))
    status, out, _ = strata("mesh", "topology", str(path))
    assert status == 3
    assert "it is in 2 parts" in out
    link = {"ends": ["a", "b"], "rtt_seconds": 0.1}
    path.write_text(json.dumps({"peers": [{"name": "a", "most_links": 0}, {"name": "b"}], "links": [link]}))
    assert "beyond      a: more links than they bear" in strata("mesh", "topology", str(path))[1]


def test_bandwidth_is_shared(strata):
    status, out, error = strata("mesh", "bandwidth", str(EXAMPLES / "flows.json"))
    assert (status or 0, error) == (0, "")
    assert "madrid receives" in out
    found = json.loads(strata("mesh", "bandwidth", str(EXAMPLES / "flows.json"), "--json")[1])
    rates = {each["name"]: each["bytes_per_second"] for each in found["flows"]}
    assert rates["heartbeats"] == 20_000
    assert rates["answers"] == 3e6
    assert rates["prompts"] == pytest.approx(4 * rates["weights to rome"])
    assert rates["weights to rome"] == pytest.approx(4 * rates["news"])


def test_wrong_files_are_one_clear_line(strata, tmp_path):
    status, _, error = strata("mesh", "topology", "nowhere.json")
    assert status == 2
    assert error == "strata: nowhere.json cannot be read: No such file or directory\n"
    shutil.copy(EXAMPLES / "flows.json", tmp_path / "flows.json")
    status, _, error = strata("mesh", "topology", "flows.json")
    assert (status, error.count("\n")) == (2, 1)
    status, _, error = strata("mesh", "bandwidth", str(EXAMPLES / "graph.json"))
    assert (status, error.count("\n")) == (2, 1)
    status, _, error = strata("mesh", "topology", str(EXAMPLES / "graph.json"), "--survive", "99")
    assert (status, "0 to 16" in error) == (2, True)
