"""The file that describes nodes and links to `strata plan`.

    {"nodes": [{"node": "a", "memory_bytes": 8000000000, "flops": 2e11, "bandwidth": 1.5e10},
               {"node": "b", "memory_bytes": 4000000000, "flops": 1e11, "bandwidth": 1.2e10}],
     "links": {"latency": 0.0005, "bandwidth": 1.25e8}}

`flops` is FLOP/s, every `bandwidth` bytes/s, `latency` seconds one way. Either number of `links` may be a matrix, one
row for each node it leads from and one column for each node it leads to, in the order of `nodes`; null means no link.
A node may be `"mobile": true`: it gets layers only where they fit nowhere else.
"""

from collections.abc import Sequence
from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata.errors import StrataError
from strata.inference.plan.nodes import Links, NodeProfile

MAX_NODES = 1000
_Measure = float | list[list[float | None]]


class InvalidNodesFile(StrataError):
    """The file cannot be read, or does not describe nodes and links."""


class _Node(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    node: str = Field(min_length=1)
    memory_bytes: int = Field(ge=0)
    flops: float = Field(gt=0)
    bandwidth: float = Field(gt=0)
    mobile: bool = False


class _Links(BaseModel):
    model_config = ConfigDict(extra="forbid", allow_inf_nan=False)

    latency: _Measure
    bandwidth: _Measure


class _File(BaseModel):
    model_config = ConfigDict(extra="forbid")

    nodes: list[_Node] = Field(min_length=1, max_length=MAX_NODES)
    links: _Links


def read_nodes(path: Path) -> tuple[tuple[NodeProfile, ...], Links]:
    """Read nodes and links from `path`; raises InvalidNodesFile, or InvalidProblem for matrices of the wrong size."""
    try:
        file = _File.model_validate_json(path.read_bytes())
    except OSError as error:
        raise InvalidNodesFile(f"{path}: cannot be read ({error.strerror})") from error
    except ValidationError as error:
        first = error.errors()[0]
        raise InvalidNodesFile(f"{path}: {'.'.join(map(str, first['loc']))}: {first['msg']}") from error
    nodes = tuple(NodeProfile(n.node, n.memory_bytes, n.flops, n.bandwidth, n.mobile) for n in file.nodes)
    count = len(nodes)
    latency = _matrix(file.links.latency, count, float("inf"))
    return nodes, Links.of(latency, _matrix(file.links.bandwidth, count, 0.0))


def _matrix(given: _Measure, count: int, missing: float) -> Sequence[Sequence[float]]:
    if not isinstance(given, list):
        return [[given] * count] * count
    return [[missing if value is None else value for value in row] for row in given]
