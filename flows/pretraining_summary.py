"""What a command-line run of the pretraining pipeline ends with."""

from collections.abc import Sequence
from typing import Any

from strata.evolution.pretraining import Checkpoint


def show(checkpoints: Sequence[Checkpoint]) -> None:
    """Nothing more: each model was named when it was registered."""


def as_dictionary(checkpoints: Sequence[Checkpoint]) -> dict[str, Any]:
    """The models by name, with how long each was trained and its digest."""
    models = {each.run: {"steps": each.step, "loss": each.loss, "model": each.model} for each in checkpoints}
    return {"models": models}
