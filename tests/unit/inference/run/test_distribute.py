"""Shards over real links: what arrives is what was signed, only what is missing is sent, anything else is refused."""

import hashlib
import os
from pathlib import Path

import pytest
import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.protocol.messages import Chunk, GetStatus, Loaded, Offer, Refused, Want
from strata.inference.protocol.wire import Wire
from strata.inference.run.distribute import write_manifests
from strata.inference.run.errors import RequestRefused, StageFailed
from strata.mesh import INFERENCE, LinkClosed, dial
from strata.secure import ChannelError
from tests.support.nodes import mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio


@pytest.fixture
def model(tmp_path: Path) -> Path:
    tiny_llama(tmp_path / "model")
    return tmp_path / "model"


async def _offer(mesh, manifest, signer="coordinator", sender="coordinator") -> Wire:
    wire = Wire(await dial(mesh.keys[sender], mesh.roster(), mesh.keys["a"].peer_id, service=INFERENCE))
    await wire.send(Offer(signature=manifest.sign(mesh.keys[signer]).hex()), manifest.body)
    return wire


async def _answer(wire: Wire):
    with trio.fail_after(10):
        return (await wire.receive())[0]


async def test_each_node_gets_its_own_tensors_and_no_others(tmp_path: Path, model: Path) -> None:
    checkpoint = Checkpoint.open(model)
    seen = {}
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        plan = split(model, ["a", "b"], [3])
        report = await coordinator.distribute(checkpoint, plan, lambda p: seen.update({p.node: p}))
        manifests = write_manifests(checkpoint, plan, tmp_path)
        for name, manifest, shard in zip("ab", manifests, report.shards, strict=True):
            store = mesh.stores[name]
            for tensor in manifest.tensors:
                assert hashlib.sha256(store.read(tensor.sha256)).hexdigest() == tensor.sha256
            assert sum(1 for _ in store.layout.blobs.rglob("*") if _.is_file()) <= len(manifest.tensors) + 1
            assert shard.bytes_sent + shard.bytes_skipped == manifest.total_bytes
            assert seen[name].bytes_done == seen[name].bytes_total == manifest.total_bytes
    names = [{tensor.name for tensor in manifest.tensors} for manifest in manifests]
    assert {name for name in names[0] if ".layers.3." in name} == set()
    assert names[0] | names[1] == set(checkpoint.tensors)
    assert names[0] & names[1] == {"model.embed_tokens.weight"}  # tied: the head as well


async def test_what_a_node_has_is_not_sent_again(tmp_path: Path, model: Path) -> None:
    checkpoint = Checkpoint.open(model)
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, split(model, ["a", "b"], [3]))
        again = await coordinator.distribute(checkpoint, split(model, ["a", "b"], [3]))
        assert [shard.bytes_sent for shard in again.shards] == [0, 0]
        moved = await coordinator.distribute(checkpoint, split(model, ["a", "b"], [2]))
        layer = sum(entry.nbytes for name, entry in checkpoint.tensors.items() if ".layers.2." in name)
        assert moved.shards[0].bytes_sent == 0
        assert 0 < moved.shards[1].bytes_sent <= layer


async def test_a_broken_off_tensor_is_resumed(tmp_path: Path, model: Path) -> None:
    checkpoint = Checkpoint.open(model)
    name = "model.layers.0.mlp.up_proj.weight"
    async with mesh_of(tmp_path) as mesh:
        manifest = write_manifests(checkpoint, split(model, ["a", "b"], [3]), tmp_path)[0]
        first = replace_tensors(manifest, [name])
        wire = await _offer(mesh, first)
        want = await _answer(wire)
        assert want.tensors[0].offset == 0
        await wire.send(Chunk(name=name, offset=0), next(checkpoint.read_chunks(name, chunk_bytes=1000)))
        # What is no piece of a tensor breaks it off, when the piece before it has been taken.
        await wire.send(GetStatus())
        with pytest.raises((LinkClosed, ChannelError)):
            await _answer(wire)
        assert mesh.stores["a"].layout.partial(first.tensors[0].sha256).stat().st_size == 1000
        async with mesh.connect() as coordinator:
            report = await coordinator.distribute(checkpoint, split(model, ["a", "b"], [3]))
        assert report.shards[0].bytes_skipped >= 1000


def replace_tensors(manifest, names):
    tensors = tuple(tensor for tensor in manifest.tensors if tensor.name in names)
    return type(manifest)(**{**dict(manifest), "tensors": tensors})


async def test_a_tampered_tensor_is_refused_and_named_and_leaves_nothing(tmp_path: Path, model: Path) -> None:
    checkpoint = Checkpoint.open(model)
    plan = split(model, ["a", "b"], [3])
    write_manifests(checkpoint, plan, tmp_path)  # remembers the digests of the true bytes
    name = "model.layers.1.mlp.up_proj.weight"
    entry = checkpoint[name]
    status = entry.file.stat()
    with entry.file.open("r+b") as file:
        file.seek(entry.offset + 100)
        file.write(b"\xff")

    os.utime(entry.file, ns=(status.st_atime_ns, status.st_mtime_ns))
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        with pytest.raises(RequestRefused, match="altered") as error:
            await coordinator.distribute(checkpoint, plan)
        assert (error.value.code, error.value.tensor, error.value.node) == ("tensor", name, "a")
        digest = next(t.sha256 for t in write_manifests(checkpoint, plan, tmp_path)[0].tensors if t.name == name)
        assert not mesh.stores["a"].has(digest)
        assert not mesh.stores["a"].layout.partial(digest).exists()
        # The link goes on: what was on the way is dropped, and the next offer is served.
        with pytest.raises(RequestRefused):
            await coordinator.distribute(checkpoint, plan)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda chunk, data: (replace_offset(chunk, 5), data), "byte 5 came where byte 0 was due"),
        (lambda chunk, data: (chunk, data + b"x"), "offered"),
        (lambda chunk, data: (chunk, b""), "was due"),
    ],
)
async def test_a_piece_out_of_place_is_refused(tmp_path: Path, model: Path, change, message: str) -> None:
    checkpoint = Checkpoint.open(model)
    async with mesh_of(tmp_path) as mesh:
        manifest = write_manifests(checkpoint, split(model, ["a", "b"], [3]), tmp_path)[0]
        wire = await _offer(mesh, manifest)
        wanted = (await _answer(wire)).tensors[0]
        chunk, data = change(Chunk(name=wanted.name, offset=0), b"".join(checkpoint.read_chunks(wanted.name)))
        await wire.send(chunk, data)
        refused = await _answer(wire)
        assert isinstance(refused, Refused)
        assert (refused.code, refused.tensor) == ("tensor", wanted.name)
        assert message in refused.reason


def replace_offset(chunk: Chunk, offset: int) -> Chunk:
    return chunk.model_copy(update={"offset": offset})


@pytest.mark.parametrize(("signer", "sender"), [("rival", "coordinator"), ("a", "coordinator")])
async def test_an_unsigned_manifest_is_refused(tmp_path: Path, model: Path, signer: str, sender: str) -> None:
    async with mesh_of(tmp_path) as mesh:
        manifest = write_manifests(Checkpoint.open(model), split(model, ["a", "b"], [3]), tmp_path)[0]
        refused = await _answer(await _offer(mesh, manifest, signer, sender))
        assert (refused.type, refused.code) == ("refused", "manifest")


async def test_a_node_is_no_coordinator(tmp_path: Path, model: Path) -> None:
    async with mesh_of(tmp_path) as mesh:
        manifest = write_manifests(Checkpoint.open(model), split(model, ["a", "b"], [3]), tmp_path)[0]
        refused = await _answer(await _offer(mesh, manifest, "b", "b"))
        assert (refused.type, refused.code) == ("refused", "role")


async def test_a_tensor_that_was_not_asked_for_ends_the_link(tmp_path: Path, model: Path) -> None:
    async with mesh_of(tmp_path) as mesh:
        manifest = write_manifests(Checkpoint.open(model), split(model, ["a", "b"], [3]), tmp_path)[0]
        wire = await _offer(mesh, manifest)
        assert isinstance(await _answer(wire), Want)
        await wire.send(Chunk(name="something else", offset=0), b"x")
        with pytest.raises((LinkClosed, ChannelError)):
            await _answer(wire)


async def test_a_shard_beyond_the_nodes_memory_is_refused_before_anything_is_sent(tmp_path: Path, model: Path) -> None:
    checkpoint = Checkpoint.open(model)
    async with mesh_of(tmp_path, memory_bytes=100_000) as mesh, mesh.connect() as coordinator:
        with pytest.raises(RequestRefused, match=r"need .* bytes more") as error:
            await coordinator.distribute(checkpoint, split(model, ["a", "b"], [3]))
        assert (error.value.code, error.value.missing_bytes > 0) == ("memory", True)
        assert list(mesh.stores["a"].layout.root.glob("blobs/*/*")) == []


async def test_a_rotten_copy_is_found_and_replaced(tmp_path: Path, model: Path) -> None:
    checkpoint = Checkpoint.open(model)
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        await coordinator.distribute(checkpoint, split(model, ["a", "b"], [3]))
        manifest = write_manifests(checkpoint, split(model, ["a", "b"], [2]), tmp_path)[0]
        rotten = manifest.tensors[-1]
        path = mesh.stores["a"].layout.blob(rotten.sha256)
        path.chmod(0o644)
        path.write_bytes(bytes(rotten.nbytes))
        with pytest.raises(RequestRefused, match="rotted") as error:
            await coordinator.distribute(checkpoint, split(model, ["a", "b"], [2]))
        assert error.value.tensor == rotten.name
        report = await coordinator.distribute(checkpoint, split(model, ["a", "b"], [2]))
        assert report.shards[0].bytes_sent == rotten.nbytes


async def test_a_node_that_dies_while_it_receives_is_named(tmp_path: Path, model: Path) -> None:
    checkpoint = Checkpoint.open(model)
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        with pytest.raises(StageFailed, match="node b, which held layers 3 to 4") as error:
            await coordinator.distribute(
                checkpoint, split(model, ["a", "b"], [3]), lambda p: p.node == "b" and mesh.scopes["b"].cancel()
            )
        assert error.value.node == "b"


async def test_many_small_tensors_are_asked_for_in_batches(tmp_path: Path, model: Path, monkeypatch) -> None:
    monkeypatch.setattr("strata.inference.node.shard.WANT_AT_ONCE", 3)
    monkeypatch.setattr("strata.inference.run.distribute.WANT_AT_ONCE", 3)
    checkpoint = Checkpoint.open(model)
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        seen: list[int] = []
        await coordinator.distribute(
            checkpoint, split(model, ["a", "b"], [3]), lambda p: seen.append(p.bytes_done) if p.node == "a" else None
        )
        assert seen == sorted(seen)
        assert mesh.nodes["a"]._holding.stage is not None


async def test_the_answer_to_a_finished_offer_is_loaded(tmp_path: Path, model: Path) -> None:
    checkpoint = Checkpoint.open(model)
    async with mesh_of(tmp_path) as mesh:
        async with mesh.connect() as coordinator:
            await coordinator.distribute(checkpoint, split(model, ["a", "b"], [3]))
        manifest = write_manifests(checkpoint, split(model, ["a", "b"], [3]), tmp_path)[0]
        loaded = await _answer(await _offer(mesh, manifest))
        assert loaded == Loaded(shard=manifest.shard, weight_bytes=manifest.total_bytes)
