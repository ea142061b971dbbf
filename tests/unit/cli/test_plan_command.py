"""`strata plan`: its file of nodes, its two forms of output, its exit statuses."""

import json

import pytest

from strata.cli import main
from strata.inference.placement.problem import InvalidProblem
from strata.inference.plan.nodes_file import InvalidNodesFile, read_nodes

NODES = [
    {"node": "a", "memory_bytes": 60_000_000, "flops": 1e11, "bandwidth": 1e9},
    {"node": "b", "memory_bytes": 60_000_000, "flops": 1e11, "bandwidth": 1e10},
]


@pytest.fixture
def model(tmp_path):
    """A folder of headers: two layers of 16 MB in float32 (the weights themselves are a hole in the file)."""
    config = {"model_type": "llama", "num_hidden_layers": 2, "hidden_size": 2000, "vocab_size": 10}
    folder = tmp_path / "tiny"
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config | {"num_attention_heads": 1, "max_position_embeddings": 99}))
    tensors = {"embed_tokens.weight": [10, 2000], "layers.0.w.weight": [2000, 2000], "layers.1.w.weight": [2000, 2000]}
    header, end = {}, 0
    for name, shape in tensors.items():
        size = 4 * shape[0] * shape[1]
        header[name] = {"dtype": "F32", "shape": shape, "data_offsets": [end, end + size]}
        end += size
    encoded = json.dumps(header).encode()
    with (folder / "model.safetensors").open("wb") as file:
        file.write(len(encoded).to_bytes(8, "little") + encoded)
        file.truncate(8 + len(encoded) + end)
    return folder


def run(capsys, *arguments):
    with pytest.raises(SystemExit) as ended:
        main(["plan", *map(str, arguments)])
    return ended.value.code or 0, *capsys.readouterr()


def nodes_file(tmp_path, nodes=NODES, links=None):
    path = tmp_path / "nodes.json"
    path.write_text(json.dumps({"nodes": nodes, "links": links or {"latency": 0.001, "bandwidth": 1e9}}))
    return path


def test_prints_a_plan_as_json(tmp_path, model, capsys):
    arguments = (model, "--nodes", nodes_file(tmp_path), "--context", 10, "--objective", "throughput", "--json")
    status, out, _ = run(capsys, *arguments)
    plan = json.loads(out)
    assert status == 0
    assert plan["objective"] == "throughput"
    assert [stage["node"] for stage in plan["stages"]][-1] == "b"
    assert plan["exact"]
    assert plan["bottleneck"]


def test_prints_a_table(tmp_path, model, capsys):
    status, out, _ = run(capsys, model, "--nodes", nodes_file(tmp_path), "--context", 10)
    assert status == 0
    assert "the best possible" in out
    assert "bottleneck: stage on" in out


def test_a_model_that_does_not_fit_says_how_much_is_missing(tmp_path, model, capsys):
    small = nodes_file(tmp_path, [node | {"memory_bytes": 40_000_000} for node in NODES])
    status, out, err = run(capsys, model, "--nodes", small, "--context", 10, "--json")
    assert status == 3
    assert json.loads(out)["missing_bytes"] > 0
    assert "bytes missing" in err


def test_wrong_use_is_one_line(tmp_path, model, capsys):
    status, _, err = run(capsys, tmp_path / "nothing", "--nodes", nodes_file(tmp_path))
    assert (status, err.count("\n")) == (2, 1)
    status, _, err = run(capsys, model, "--nodes", tmp_path / "absent.json")
    assert (status, err.count("\n")) == (2, 1)
    status, _, err = run(capsys, model, "--nodes", nodes_file(tmp_path), "--context", 100)
    assert status == 2
    assert "at most 99 tokens" in err


def test_links_may_be_matrices_with_gaps(tmp_path):
    path = nodes_file(tmp_path, links={"latency": [[0, None], [0.5, 0]], "bandwidth": 8})
    nodes, links = read_nodes(path)
    assert [node.node for node in nodes] == ["a", "b"]
    assert links.latency == ((0, float("inf")), (0.5, 0))
    assert links.bandwidth == ((8, 8), (8, 8))
    assert links.seconds(16)[1, 0] == 2.5


def test_a_node_may_be_mobile(tmp_path):
    nodes, _ = read_nodes(nodes_file(tmp_path, nodes=[NODES[0], NODES[1] | {"mobile": True}]))
    assert [node.mobile for node in nodes] == [False, True]


@pytest.mark.parametrize(
    "content",
    [
        "",
        "[]",
        '{"nodes": [], "links": {"latency": 0, "bandwidth": 1}}',
        json.dumps({"nodes": NODES}),
        json.dumps({"nodes": [NODES[0] | {"cores": 3}], "links": {"latency": 0, "bandwidth": 1}}),
        json.dumps({"nodes": [NODES[0] | {"flops": -1}], "links": {"latency": 0, "bandwidth": 1}}),
        json.dumps({"nodes": NODES, "links": {"latency": "fast", "bandwidth": 1}}),
    ],
)
def test_other_files_are_refused_by_name(tmp_path, content):
    path = tmp_path / "nodes.json"
    path.write_text(content)
    with pytest.raises(InvalidNodesFile, match=r"nodes\.json: "):
        read_nodes(path)


def test_matrices_of_the_wrong_size_are_refused(tmp_path):
    with pytest.raises(InvalidProblem, match="square"):
        read_nodes(nodes_file(tmp_path, links={"latency": [[0]], "bandwidth": 1}))
