"""Checkpoints of anyone's training run, put into the store while it runs.

Only files are read: nothing here takes the memory or the cores that a trainer holds.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from strata.evolution.models import put_model
from strata.store import Ledger, Store

PIPELINE = "pretraining"  # under which the ledger records a checkpoint
_LINES = 10_000  # of the ledger that are looked through for checkpoints of one run


@dataclass(frozen=True)
class Checkpoint:
    """`run`: name of the training run; `model`: digest in the store; `loss`: the last that was logged, if any."""

    run: str
    step: int
    model: str
    loss: float | None = None

    @property
    def name(self) -> str:
        """Of the ref that keeps it in the store."""
        return f"{self.run}-{self.step}"


Notify = Callable[[Checkpoint], None]


def register_checkpoint(
    store: Store,
    ledger: Ledger,
    folder: Path,
    run: str,
    step: int,
    *,
    loss: float | None = None,
    version: str = "1",
    notify: Notify | None = None,
) -> Checkpoint:
    """Store the model in `folder` under `run` and `step`, record it in the ledger, then tell `notify`.

    Doing it again is harmless: the same files have the same digest. `version` is the tag of the settings of this run
    (see `Run.version`). Raises BadModel for a folder that holds no model; then nothing is recorded.
    """
    checkpoint = Checkpoint(store_name(run), step, "", loss)
    manifest = put_model(store, folder, checkpoint.name)
    checkpoint = Checkpoint(checkpoint.run, step, manifest.digest, loss)
    figures = {"run": checkpoint.run, "step": step, "model": manifest.digest} | ({} if loss is None else {"loss": loss})
    ledger.finish_run(ledger.start_run(PIPELINE, version), "completed", figures)
    if notify:
        notify(checkpoint)
    return checkpoint


def latest_checkpoints(ledger: Ledger, run: str, most: int) -> tuple[Checkpoint, ...]:
    """The last `most` different models that this training run registered, the oldest of them first."""
    found: dict[str, Checkpoint] = {}
    for line in ledger.runs(PIPELINE, limit=_LINES):
        figures = line.figures
        if figures.get("run") == store_name(run) and "model" in figures and len(found) < most:
            checkpoint = Checkpoint(figures["run"], figures["step"], figures["model"], figures.get("loss"))
            found.setdefault(checkpoint.model, checkpoint)
    return tuple(reversed(found.values()))


def store_name(text: str) -> str:
    """`text` as part of a ref's name: without what such a name does not take, and at most 100 characters."""
    return re.sub(r"[^A-Za-z0-9._+@=-]+", "-", text).lstrip("._+@=-")[:100] or "run"
