"""`strata mesh simulate`."""

import json

import pytest

FAULTS = {
    "hours": 40,
    "crash": {"every_hours": 8, "minutes": 20},
    "split": {"every_hours": 9, "minutes": 4, "share": 0.4},
}


def links(rtt, *pairs):
    return [{"ends": list(ends), "rtt_seconds": rtt} for ends in pairs]


GRAPH = {
    "peers": [{"name": name} for name in "abcdef"],
    "links": links(0.01, "ab", "bc", "cd", "de", "ef"),
    "possible": links(0.02, "af", "ac", "bd", "ce", "df", "ad"),
}


@pytest.fixture
def files(tmp_path):
    faults, graph = tmp_path / "faults.json", tmp_path / "graph.json"
    faults.write_text(json.dumps(FAULTS))
    graph.write_text(json.dumps(GRAPH))
    return str(graph), "--faults", str(faults)


def test_it_compares_three_meshes_and_says_that_it_is_simulated(strata, files):
    status, out, error = strata("mesh", "simulate", *files, "--json")
    assert (status, error) == (0, "")
    found = json.loads(out)
    assert found["simulated"] is True
    assert found["scenario"]["crash"] == FAULTS["crash"]
    assert (found["nodes"], found["links"], found["seed"]) == (6, 5, 0)
    assert found["detection_seconds"]["count"] > 20
    meshes = found["meshes"]
    assert set(meshes) == {"alone", "mended", "random"}
    assert all(each["simulated"] and each["hours"] == 40 for each in meshes.values())
    assert 0 < meshes["random"]["links_added"] <= len(GRAPH["possible"])
    assert meshes["mended"]["partitions"] < meshes["alone"]["partitions"]
    assert strata("mesh", "simulate", *files, "--json")[1] == out
    assert strata("mesh", "simulate", *files, "--json", "--seed", "1")[1] != out


def test_people_read_it_first(strata, files):
    status, out, error = strata("mesh", "simulate", *files, "--hours", "5")
    assert (status, error) == (0, "")
    assert out.startswith("SIMULATED: no machine took part")
    assert "6 nodes, 5 links, 5 hours, seed 0" in out
    assert "partitions" in out
    assert "simulated detection: a crash is noticed after" in out


def test_in_detail_it_counts_false_alarms(strata, tmp_path):
    faults = tmp_path / "faults.json"
    slow = {"share": 0.3, "stalled_seconds": 9, "running_seconds": 9}
    faults.write_text(json.dumps({"hours": 0.2, "crash": {"every_hours": 1, "minutes": 3}, "slow": slow}))
    status, out, _ = strata("mesh", "simulate", "--nodes", "7", "--faults", str(faults), "--detailed")
    assert status == 0
    assert "7 nodes" in out
    assert "simulated false alarms:" in out
    assert "as it is" not in out


@pytest.mark.parametrize(
    "arguments", [("nowhere.json",), ("--faults", "nowhere.json"), ("bad.json",), ("--faults", "bad.json")]
)
def test_a_wrong_file_is_one_clear_line(strata, tmp_path, arguments):
    (tmp_path / "bad.json").write_text('{"peers": 5, "hours": 1}')
    status, out, error = strata("mesh", "simulate", *arguments)
    assert (status, out) == (2, "")
    assert error.startswith("strata: ")
    assert error.count("\n") == 1
