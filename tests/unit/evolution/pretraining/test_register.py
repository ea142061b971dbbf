"""Checkpoints of a training run in the store: kept, recorded, told; never at the cost of the training."""

import logging
from pathlib import Path

import pytest
import torch
from transformers import LlamaConfig, LlamaForCausalLM, Trainer, TrainingArguments

from strata.evolution.models import BadModel, open_model
from strata.evolution.pretraining import Checkpoint, StrataCallback, latest_checkpoints, register_checkpoint
from strata.store import Ledger, Store


@pytest.fixture
def store(tmp_path: Path) -> Store:
    return Store(tmp_path / "store")


@pytest.fixture
def url(tmp_path: Path) -> str:
    return f"sqlite:///{tmp_path / 'ledger.sqlite'}"


def test_a_checkpoint_is_kept_recorded_and_told(store: Store, url: str, tmp_path: Path):
    folder, told = tmp_path / "model", list[Checkpoint]()
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    (folder / "model.safetensors").write_bytes(b"weights")
    with Ledger(url) as ledger:
        found = register_checkpoint(store, ledger, folder, "my run/1", 30, loss=0.5, version="7", notify=told.append)
        run = ledger.runs("pretraining")[0]
    assert told == [found]
    assert (found.run, found.step, found.loss, found.name) == ("my-run-1", 30, 0.5, "my-run-1-30")
    assert store.ref("model", "my-run-1-30").digest == found.model
    assert store.gc(0).removed == ()
    assert (run.state, run.version) == ("completed", "7")
    assert run.figures == {"run": "my-run-1", "step": 30, "model": found.model, "loss": 0.5}


def test_the_latest_checkpoints_of_a_run_are_different_models_of_that_run(store: Store, url: str, tmp_path: Path):
    folder = tmp_path / "model"
    folder.mkdir()
    (folder / "config.json").write_text("{}")
    with Ledger(url) as ledger:
        for run, step, weights in [("a", 1, b"1"), ("a", 2, b"2"), ("b", 2, b"x"), ("a", 3, b"3"), ("a", 4, b"3")]:
            (folder / "model.safetensors").write_bytes(weights)
            register_checkpoint(store, ledger, folder, run, step, loss=step / 2)
        ledger.finish_run(ledger.start_run("pretraining", "1"), "completed", {"models": {}})
        assert [c.name for c in latest_checkpoints(ledger, "a", 9)] == ["a-1", "a-2", "a-4"]
        two = latest_checkpoints(ledger, "a", 2)
        assert [(c.step, c.loss) for c in two] == [(2, 1.0), (4, 2.0)]
        assert two[0].model == store.ref("model", "a-2").digest
        assert latest_checkpoints(ledger, "c", 9) == ()


def test_what_is_no_model_is_not_recorded(store: Store, url: str, tmp_path: Path):
    with Ledger(url) as ledger:
        with pytest.raises(BadModel):
            register_checkpoint(store, ledger, tmp_path, "r", 1, notify=lambda _: pytest.fail("told"))
        assert ledger.runs() == ()


def trainer(out: Path, callback: StrataCallback, steps: int) -> Trainer:
    config = LlamaConfig(
        vocab_size=16, hidden_size=8, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2, head_dim=4
    )
    data = [{"input_ids": torch.arange(4), "labels": torch.arange(4)}] * 8
    arguments = TrainingArguments(
        str(out),
        max_steps=steps,
        save_steps=1,
        logging_steps=1,
        per_device_train_batch_size=2,
        report_to=[],
        disable_tqdm=True,
        use_cpu=True,
        save_only_model=True,
    )
    return Trainer(LlamaForCausalLM(config), arguments, train_dataset=data, callbacks=[callback])


def test_a_trainer_registers_what_it_saves(store: Store, url: str, tmp_path: Path):
    told = list[Checkpoint]()
    callback = StrataCallback(store.layout.root, url, "mine", told.append)
    trainer(tmp_path / "out", callback, 2).train()
    assert [(checkpoint.name, checkpoint.loss is not None) for checkpoint in told] == [
        ("mine-1", True),
        ("mine-2", True),
    ]
    assert "model.safetensors" in open_model(store, told[1].model).files
    assert told[0].model != told[1].model


def test_training_goes_on_when_nothing_can_be_registered(
    store: Store, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    (tmp_path / "file").write_text("no folder")
    callback = StrataCallback(store.layout.root, f"sqlite:///{tmp_path / 'file' / 'ledger.sqlite'}", "mine")
    with caplog.at_level(logging.WARNING, "strata"):
        assert trainer(tmp_path / "out", callback, 1).train().global_step == 1
    assert "was not registered" in caplog.text


def test_training_goes_on_when_nobody_can_be_told(
    store: Store, url: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
):
    def notify(_: Checkpoint) -> None:
        raise RuntimeError("nobody listens")

    with caplog.at_level(logging.WARNING, "strata"):
        trainer(tmp_path / "out", StrataCallback(store.layout.root, url, "mine", notify), 1).train()
    assert "nobody listens" in caplog.text
    assert store.ref("model", "mine-1") is not None
