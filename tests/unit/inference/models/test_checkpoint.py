import json
from pathlib import Path

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from safetensors.torch import save_file

from strata.inference.models.checkpoint import Checkpoint, CheckpointError, parse_header, read_header


def _write(path: Path, header: object, body: bytes) -> Path:
    encoded = json.dumps(header).encode() if not isinstance(header, bytes) else header
    path.write_bytes(len(encoded).to_bytes(8, "little") + encoded + body)
    return path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "config.json").write_text('{"model_type": "llama"}')
    return tmp_path


def test_reads_the_very_bytes_that_safetensors_wrote(folder: Path) -> None:
    torch.manual_seed(0)
    tensors = {"a": torch.randn(3, 5), "b": torch.randn(7).to(torch.bfloat16), "empty": torch.zeros(0, 4)}
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    checkpoint = Checkpoint.open(folder)
    assert {name: entry.shape for name, entry in checkpoint.tensors.items()} == {
        "a": (3, 5),
        "b": (7,),
        "empty": (0, 4),
    }
    for name, tensor in tensors.items():
        raw = tensor.reshape(-1).view(torch.uint8).numpy().tobytes()
        assert b"".join(checkpoint.read_chunks(name, chunk_bytes=4)) == raw
        assert b"".join(checkpoint.read_chunks(name, start=min(6, len(raw)))) == raw[6:]
        buffer = bytearray(len(raw))
        checkpoint.read_into(name, [memoryview(buffer)])
        assert bytes(buffer) == raw


def test_follows_an_index_over_several_files(folder: Path) -> None:
    save_file({"a": torch.ones(2)}, folder / "model-1.safetensors")
    save_file({"b": torch.zeros(2), "unused": torch.zeros(9)}, folder / "model-2.safetensors")
    index = {"metadata": {}, "weight_map": {"a": "model-1.safetensors", "b": "model-2.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    checkpoint = Checkpoint.open(folder)
    assert {name: entry.file.name for name, entry in checkpoint.tensors.items()} == index["weight_map"]
    assert checkpoint.total_bytes == 16


@pytest.mark.parametrize("target", ["../model.safetensors", "/etc/passwd", "..", 7])
def test_an_index_cannot_point_outside_its_folder(folder: Path, target: object) -> None:
    (folder / "model.safetensors.index.json").write_text(json.dumps({"weight_map": {"a": target}}))
    with pytest.raises(CheckpointError, match="'a'"):
        Checkpoint.open(folder)


def _described(begin: int, end: int, shape: list[int] | None = None, dtype: str = "U8") -> dict[str, object]:
    return {"dtype": dtype, "shape": shape if shape is not None else [end - begin], "data_offsets": [begin, end]}


@pytest.mark.parametrize(
    ("header", "message"),
    [
        ({"a": _described(0, 4), "bad": _described(2, 8)}, "'bad' overlaps"),
        ({"a": _described(0, 4), "bad": _described(6, 8)}, "'bad' leaves a hole"),
        ({"bad": _described(0, 9)}, "'bad' ends outside"),
        ({"bad": _described(0, 8, [3], "F32")}, "'bad' has 8 bytes, its shape and type need 12"),
        ({"bad": _described(0, 8, [8], "F7")}, "'bad' has the unknown type"),
        ({"bad": _described(0, 8, [-8])}, "'bad' has an impossible shape"),
        ({"bad": _described(0, 8, [True] * 8)}, "'bad' has an impossible shape"),
        ({"bad": _described(-1, 7)}, "'bad' has an impossible shape"),
        ({"bad": {"dtype": "U8", "shape": [8]}}, "'bad' is not described"),
        ({"bad": None}, "'bad' is not described"),
        ({"a": _described(0, 7)}, "1 bytes after the last tensor"),
        (b'{"a": 1, "a": 2}', "a name occurs twice"),
        (b"[]", "not a JSON object"),
        (b"{", "not valid JSON"),
        (b"[" * 100_000, "not valid JSON"),
    ],
)
def test_a_header_that_lies_is_refused_by_name(folder: Path, header: object, message: str) -> None:
    with pytest.raises(CheckpointError, match=message):
        read_header(_write(folder / "model.safetensors", header, bytes(8)))


@pytest.mark.parametrize("content", [b"", b"\x01", b"\xff" * 8, (9).to_bytes(8, "little") + b"{}"])
def test_a_truncated_file_is_refused(folder: Path, content: bytes) -> None:
    (folder / "model.safetensors").write_bytes(content)
    with pytest.raises(CheckpointError, match="not a safetensors file"):
        Checkpoint.open(folder)


def test_an_index_that_promises_a_missing_tensor_is_refused(folder: Path) -> None:
    save_file({"a": torch.ones(2)}, folder / "model-1.safetensors")
    index = {"weight_map": {"a": "model-1.safetensors", "ghost": "model-1.safetensors"}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    with pytest.raises(CheckpointError, match="'ghost'"):
        Checkpoint.open(folder)


def test_a_file_cut_after_it_was_opened_is_noticed(folder: Path) -> None:
    save_file({"a": torch.ones(64)}, folder / "model.safetensors")
    checkpoint = Checkpoint.open(folder)
    with (folder / "model.safetensors").open("r+b") as file:
        file.truncate(checkpoint["a"].offset + 10)
    with pytest.raises(CheckpointError, match="the file changed"):
        list(checkpoint.read_chunks("a"))
    with pytest.raises(CheckpointError, match="the file changed"):
        checkpoint.read_into("a", [memoryview(bytearray(256))])


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)


@given(st.binary(max_size=64) | st.dictionaries(st.text(max_size=4), json_values).map(lambda v: json.dumps(v).encode()))
def test_any_header_parses_or_raises_the_typed_error(header: bytes) -> None:
    try:
        entries = parse_header(header, Path("x"), 8 + len(header) + 8)
    except CheckpointError:
        return
    assert sum(entry.nbytes for entry in entries.values()) == 8
