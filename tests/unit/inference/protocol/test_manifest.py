import hashlib
import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.protocol.manifest import Manifest, ManifestError, TensorDigest, open_manifest, write_manifest
from strata.secure import Identity

SENDER, OTHER = Identity.generate(), Identity.generate()


@pytest.fixture
def manifest(tmp_path: Path) -> Manifest:
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text('{"model_type": "llama"}')
    torch.manual_seed(0)
    save_file({"a": torch.randn(4, 4), "b": torch.randn(3)}, folder / "model.safetensors")
    return write_manifest(Checkpoint.open(folder), ("b", "a"), 0, 1, dtype="float32", home=tmp_path / "home")


def test_it_lists_each_tensor_with_its_digest(manifest: Manifest, tmp_path: Path) -> None:
    checkpoint = Checkpoint.open(tmp_path / "model")
    assert [tensor.name for tensor in manifest.tensors] == ["b", "a"]
    for tensor in manifest.tensors:
        assert tensor.sha256 == hashlib.sha256(b"".join(checkpoint.read_chunks(tensor.name))).hexdigest()
    assert manifest.total_bytes == 76


def test_the_receiver_reads_what_the_sender_signed(manifest: Manifest) -> None:
    assert open_manifest(manifest.body, manifest.sign(SENDER), SENDER.peer_id) == manifest


def test_the_same_stage_has_the_same_name(manifest: Manifest) -> None:
    again = open_manifest(manifest.body, manifest.sign(SENDER), SENDER.peer_id)
    assert again.shard == manifest.shard
    assert Manifest(**{**manifest.model_dump(), "last": 2}).shard != manifest.shard


def test_another_signer_is_refused(manifest: Manifest) -> None:
    for signature, sender in [
        (manifest.sign(OTHER), SENDER.peer_id),
        (manifest.sign(SENDER), OTHER.peer_id),
        (bytes(64), SENDER.peer_id),
        (SENDER.sign(manifest.body), SENDER.peer_id),  # the right key, without the label
    ]:
        with pytest.raises(ManifestError, match="not signed"):
            open_manifest(manifest.body, signature, sender)


@given(st.data())
def test_a_changed_body_is_refused(data: st.DataObject) -> None:
    tensor = TensorDigest(name="t", dtype="F32", shape=(2,), nbytes=8, sha256="0" * 64)
    manifest = Manifest(model="m", config="{}", first=0, last=0, dtype="float32", tensors=(tensor,))
    signature = manifest.sign(SENDER)
    body = bytearray(manifest.body)
    body[data.draw(st.integers(0, len(body) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    with pytest.raises(ManifestError, match="not signed"):
        open_manifest(bytes(body), signature, SENDER.peer_id)


def _signed(document: object) -> tuple[bytes, bytes]:
    body = json.dumps(document, sort_keys=True, separators=(",", ":")).encode()
    return body, SENDER.sign(b"strata:shard-manifest:v1\0" + body)


@pytest.mark.parametrize(
    "change",
    [
        {"first": 3},
        {"last": -1},
        {"unknown": 1},
        {"tensors": [{"name": "t", "dtype": "F32", "shape": [3], "nbytes": 8, "sha256": "0" * 64}]},
        {"tensors": [{"name": "t", "dtype": "F32", "shape": [2], "nbytes": 8, "sha256": "../../x"}]},
        {"tensors": [{"name": "t", "dtype": "F99", "shape": [2], "nbytes": 8, "sha256": "0" * 64}]},
        {"tensors": [{"name": "t", "dtype": "U8", "shape": [1], "nbytes": 1, "sha256": "0" * 64}] * 2},
    ],
)
def test_a_signed_manifest_that_contradicts_itself_is_refused(manifest: Manifest, change: dict[str, object]) -> None:
    body, signature = _signed({**manifest.model_dump(mode="json"), **change})
    with pytest.raises(ManifestError, match="malformed"):
        open_manifest(body, signature, SENDER.peer_id)


def test_only_the_canonical_form_counts(manifest: Manifest) -> None:
    body = json.dumps(manifest.model_dump(mode="json"), indent=1).encode()
    with pytest.raises(ManifestError, match="canonical"):
        open_manifest(body, SENDER.sign(b"strata:shard-manifest:v1\0" + body), SENDER.peer_id)


def test_how_weights_are_held_is_signed_and_changes_the_name_of_the_shard_only(manifest: Manifest) -> None:
    packed = Manifest(**{**manifest.model_dump(), "weights": "int8"})
    assert packed.shard != manifest.shard
    assert packed.tensors == manifest.tensors
    assert open_manifest(packed.body, packed.sign(SENDER), SENDER.peer_id).weights == "int8"
    assert b"weights" not in manifest.body  # what nodes hold already keeps its name
    with pytest.raises(ManifestError):
        open_manifest(packed.body, manifest.sign(SENDER), SENDER.peer_id)
