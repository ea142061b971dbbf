"""Model folders in the store: the same files have the same digest, and come back verified or not at all."""

from pathlib import Path

import pytest

from strata.evolution.models import BadModel, check_out, open_model, put_model
from strata.store import BlobCorrupt, BlobMissing, Store

FILES = {"config.json": b"{}", "model.safetensors": b"weights", "tokenizer.json": b"{}"}


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "model"
    folder.mkdir()
    for name, data in FILES.items():
        (folder / name).write_bytes(data)
    return folder


def test_what_was_put_comes_back(store: Store, folder: Path, tmp_path: Path):
    (folder / "README.md").write_text("not a part")
    (folder / "optimizer.pt").write_bytes(b"neither")
    manifest = put_model(store, folder, "mine")
    out = check_out(store, manifest.digest, tmp_path / "deep" / "out")
    assert {file.name: file.read_bytes() for file in out.iterdir()} == FILES
    assert put_model(store, out).digest == manifest.digest
    assert open_model(store, manifest.digest) == manifest
    assert store.gc(0).removed == ()


def test_a_model_without_a_name_is_collected(store: Store, folder: Path):
    put_model(store, folder)
    assert len(store.gc(0).removed) == len(set(FILES.values())) + 1


def test_a_corrupt_file_leaves_nothing_behind(store: Store, folder: Path, tmp_path: Path):
    manifest = put_model(store, folder)
    blob = store.layout.blob(manifest.files["model.safetensors"])
    blob.chmod(0o600)
    blob.write_bytes(b"WEIGHTS")
    with pytest.raises(BlobCorrupt):
        check_out(store, manifest.digest, tmp_path / "out")
    assert [entry.name for entry in tmp_path.iterdir() if entry.name.strip(".").startswith("out")] == []


def test_no_model(store: Store, tmp_path: Path):
    with pytest.raises(BadModel, match=r"config.json and \*.safetensors are needed"):
        put_model(store, tmp_path / "nowhere")
    with pytest.raises(BlobMissing):
        open_model(store, "0" * 64)


@pytest.mark.parametrize(
    "data", [b"", b"[]", b'{"files": 3}', b'{"files": {"../up": "%s"}}' % (b"0" * 64), b"[" * 100_000, b" " * (2 << 20)]
)
def test_no_manifest(store: Store, data: bytes):
    with pytest.raises(BadModel):
        open_model(store, store.put(data))
