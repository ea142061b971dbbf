"""Weights that are no numbers, found from the bits of a file."""

from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from strata.evolution.models import BadModel, not_finite, put_model
from strata.store import Store


def stored(folder: Path) -> tuple[Store, str]:
    (folder / "config.json").write_text("{}")
    store = Store(folder / "store")
    return store, put_model(store, folder).digest


@pytest.mark.parametrize("dtype", [torch.float64, torch.float32, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("value", ["nan", "inf", "-inf"])
def test_what_torch_calls_not_finite_is_counted(tmp_path: Path, dtype: torch.dtype, value: str):
    torch.manual_seed(0)
    largest = torch.tensor([torch.finfo(dtype).max, torch.finfo(dtype).tiny, -0.0], dtype=dtype)
    spoiled = torch.randn(1025, 1025).to(dtype)  # more than are looked at together
    spoiled[0, 3] = spoiled[1024, 1024] = spoiled[512, 7] = float(value)
    tensors = {"a.sound": torch.randn(7, 5).to(dtype), "b": spoiled, "c.odd": largest, "d": torch.arange(3)}
    save_file(tensors, tmp_path / "model.safetensors")
    assert not_finite(*stored(tmp_path)) == {"b": int((~spoiled.isfinite()).sum())} == {"b": 3}


def test_a_file_that_ends_too_early_is_no_model(tmp_path: Path):
    save_file({"a": torch.ones(100)}, tmp_path / "model.safetensors")
    whole = (tmp_path / "model.safetensors").read_bytes()
    (tmp_path / "model.safetensors").write_bytes(whole[:-8])
    with pytest.raises(BadModel, match="ends too early"):
        not_finite(*stored(tmp_path))
    (tmp_path / "model.safetensors").write_bytes(b"\x10" + bytes(7) + b"no JSON at all..")
    with pytest.raises(BadModel):
        not_finite(*stored(tmp_path))


def test_shipped_models_are_sound(tmp_path: Path):
    store = Store(tmp_path)
    assert not_finite(store, put_model(store, Path("data/evolution/base")).digest) == {}
