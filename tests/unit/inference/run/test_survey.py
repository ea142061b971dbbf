"""A survey goes by what sweeps of the mesh have measured of late, and measures the rest."""

import math
import socket
import time
from pathlib import Path

import pytest
import trio

from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.run.measuring import links_between
from strata.inference.run.rebalancing import _without_idle_mobiles
from strata.mesh import Quality, Recent, Seen
from tests.support.nodes import mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio


def seen(rtt: float | None, rate: float = 1e6, age: float = 60.0) -> Seen:
    return Seen(None if rtt is None else Quality(rtt, bytes_per_second=rate), time.time() - age)


async def test_links_that_were_swept_are_not_measured_again(tmp_path: Path) -> None:
    recent = Recent({
        ("a", "b"): seen(0.5),
        ("a", "c"): seen(None),
        ("a", "d"): seen(0.5, math.inf),
        ("b", "c"): seen(0.5, age=3600.0),
    })  # fmt: skip
    async with mesh_of(tmp_path, nodes=4, memory_bytes=1 << 20) as mesh, mesh.connect(recent=recent) as coordinator:
        survey = await coordinator.survey()
    latency, bandwidth = survey.links.latency, survey.links.bandwidth
    assert (latency[0][1], bandwidth[0][1]) == (latency[1][0], bandwidth[1][0]) == (0.25, 1e6)
    assert (latency[0][2], bandwidth[2][0]) == (math.inf, 0.0)
    assert set(survey.swept) == {("a", "b"), ("b", "a"), ("a", "c"), ("c", "a")}
    assert survey.swept["b", "a"] == recent.pairs["a", "b"].at
    assert set(survey.measured) == {(one, two) for one in "abcd" for two in "abcd" if one != two} - set(survey.swept)
    assert all(0 < latency["abcd".index(one)]["abcd".index(two)] < 0.2 for one, two in survey.measured)
    assert survey.sentence(time.time()) == "links: 4 as sweeps of the mesh measured them 1 minutes ago, 8 measured now"
    assert len(survey.to_json()["measured"]) == 8


async def test_links_of_a_plan_under_way_are_those_that_were_swept_or_as_fast_as_pings(tmp_path: Path) -> None:
    recent = Recent({("a", "b"): seen(0.5)})
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect(recent=recent) as coordinator:
        clients = coordinator._connections.clients
        await coordinator._connections.probe(clients)
        links = links_between(clients, recent)
    assert (links.latency[0][1], links.bandwidth[1][0]) == (0.25, 1e6)
    assert 0 < links.latency[0][2] < 0.2
    assert links.bandwidth[0][2] == math.inf


async def test_who_was_dead_is_not_waited_for_and_is_welcome_when_it_is_back(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as silent:
        async with mesh_of(tmp_path) as mesh:
            recent = Recent(dead=frozenset("ab"), at=time.time())
            mesh.membership = mesh.membership.with_member(
                mesh.keys["b"].card, "b", (f"127.0.0.1:{silent.getsockname()[1]}",)
            )
            start = trio.current_time()
            async with mesh.connect(recent=recent) as coordinator:
                assert coordinator.nodes == ("a",)
                assert "b" in coordinator.unreachable
            assert trio.current_time() - start < 5  # and not the ten of a dial


async def test_a_mobile_node_says_so_to_whoever_plans(tmp_path: Path) -> None:
    async with mesh_of(tmp_path, memory_bytes=1 << 20) as mesh:
        mesh.nodes["b"]._mobile = True
        async with mesh.connect() as coordinator:
            described = await coordinator.inventory()
            measured = (await coordinator.survey()).nodes
            inheriting = coordinator._connections.inventory()
    for nodes in (described, measured, inheriting):
        assert {node.node: node.mobile for node in nodes} == {"a": False, "b": True}


def test_layers_move_to_no_mobile_node_that_has_none(tmp_path: Path) -> None:
    tiny_llama(tmp_path)
    held = split(tmp_path, ["a", "b"], [2])
    nodes = [NodeProfile(name, 1, 1.0, 1.0, mobile=name != "b") for name in ("a", "phone", "b")]
    left, links = _without_idle_mobiles(held, nodes, Links.of([[0, 1, 2], [3, 0, 4], [5, 6, 0]], [[1] * 3] * 3))
    assert [node.node for node in left] == ["a", "b"]
    assert links.latency == ((0, 2), (5, 0))
