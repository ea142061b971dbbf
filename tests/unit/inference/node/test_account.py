"""The account of a node: who was promised what, that it is told, and that it is taken back."""

from pathlib import Path

import pytest
import trio
import trio.testing

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.protocol.messages import Close, Open, Sampling, Status
from strata.inference.run.connections import status_of
from strata.inference.run.distribute import write_manifests
from strata.inference.run.errors import RequestRefused
from tests.support.nodes import mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio

BUDGET = 4 << 20


def account_of(status: Status) -> tuple[int, int, int]:
    return status.cache_bytes, status.workspace_bytes, status.runtime_bytes


async def test_caches_add_up_one_workspace_serves_all_and_both_come_back(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "model")
    checkpoint = Checkpoint.open(tmp_path / "model")
    async with mesh_of(tmp_path, nodes=1, memory_bytes=BUDGET) as mesh, mesh.connect() as coordinator:
        plan = split(checkpoint.path, "a", [])
        await coordinator.distribute(checkpoint, plan)
        (manifest,) = write_manifests(checkpoint, plan, mesh.home)
        (client,) = coordinator._connections.clients

        def order(name: str, kv_bytes: int, workspace_bytes: int) -> Open:
            return Open(
                session=name * 32, shard=manifest.shard, padding=(0,), max_context=8, kv_bytes=kv_bytes, previous=None,
                following=None, sampling=Sampling(), workspace_bytes=workspace_bytes,
            )  # fmt: skip

        await client.request(order("0", 1000, 300))
        await client.request(order("1", 2000, 500))
        status = await status_of(client)
        assert account_of(status) == (3000, 500, 0)
        free = BUDGET - status.weight_bytes - 3000 - 500
        for kv_bytes, workspace_bytes in [(free + 1, 500), (free, 501)]:
            with pytest.raises(RequestRefused, match="1 bytes more than the budget has free") as refused:
                await client.request(order("2", kv_bytes, workspace_bytes))
            assert (refused.value.code, refused.value.missing_bytes) == ("memory", 1)
        assert account_of(await status_of(client)) == (3000, 500, 0)
        await client.request(order("2", free, 500))
        await client.request(Close(session="2" * 32))
        await client.request(Close(session="1" * 32))
        assert account_of(await status_of(client)) == (1000, 300, 0)
        await client.request(Close(session="0" * 32))
        assert account_of(await status_of(client)) == (0, 0, 0)


async def test_what_was_promised_to_a_session_that_cannot_be_opened_comes_back(tmp_path: Path) -> None:
    tiny_llama(tmp_path / "model")
    checkpoint = Checkpoint.open(tmp_path / "model")
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        plan = split(checkpoint.path, "ab", [2])
        await coordinator.distribute(checkpoint, plan)
        first, _ = write_manifests(checkpoint, plan, mesh.home)
        client, other = coordinator._connections.clients
        mesh.scopes["b"].cancel()
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(RequestRefused) as refused:
            await client.request(
                Open(
                    session="0" * 32,
                    shard=first.shard,
                    padding=(0,),
                    max_context=8,
                    kv_bytes=1000,
                    previous=None,
                    following=other.peer_id,
                    sampling=Sampling(),
                    workspace_bytes=300,
                )
            )
        assert refused.value.code == "unreachable"
        assert account_of(await status_of(client)) == (0, 0, 0)
