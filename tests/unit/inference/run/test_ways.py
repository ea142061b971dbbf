"""Tensors go the direct way or over streams of libp2p hosts, as LIBP2P_PERFORMANCE_OPT says; the answer is the same."""

from pathlib import Path

import pytest

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.node.node import Node
from strata.inference.run.generate import GenerationParams
from tests.support.nodes import mesh_of, split

pytestmark = pytest.mark.anyio

LIBP2P = "/ip4/127.0.0.1/tcp/0"


@pytest.fixture
def dialled(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What nodes have reached their next stage by."""
    dial, kinds = Node._dial, list[str]()

    async def watched(node, *arguments):
        link = await dial(node, *arguments)
        kinds.append(type(link).__name__)
        return link

    monkeypatch.setattr(Node, "_dial", watched)
    return kinds


async def test_the_flag_says_which_way_and_nodes_need_no_restart(
    tmp_path: Path, folder: Path, monkeypatch: pytest.MonkeyPatch, dialled: list[str]
) -> None:
    checkpoint, plan = Checkpoint.open(folder), split(folder, "abc", (2, 4))
    tokens, sent = [], []
    async with mesh_of(tmp_path, nodes=3, libp2p=LIBP2P) as mesh:
        for flag, kind in (("true", "Link"), ("false", "StreamConnection"), ("true", "Link")):
            monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT", flag)
            dialled.clear()
            async with mesh.connect() as coordinator:
                links = [client.wire.link for client in coordinator._connections.clients]
                assert {type(link).__name__ for link in links} == {kind}
                await coordinator.distribute(checkpoint, plan)
                result = await coordinator.generate(checkpoint, plan, [[1, 2, 3]], GenerationParams(max_new_tokens=24))
            assert dialled == [kind, kind]
            tokens.append(result.token_ids)
            sent.append([stage.bytes_sent for stage in result.stages])
    assert tokens[0] == tokens[1] == tokens[2]
    assert all(bytes_sent > 0 for stages in sent for bytes_sent in stages)


async def test_members_that_only_take_links_are_reached_by_them(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT", "false")
    monkeypatch.setattr("strata.mesh.transport.members.open_host", None)  # nobody needs one
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        assert coordinator.nodes == ("a", "b")
