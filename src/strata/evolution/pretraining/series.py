"""A base model and its specialists, trained one after the other into model folders."""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from safetensors.torch import load_file

from strata.evolution.models import quietly
from strata.evolution.pretraining.course import BASE, SPECIALISTS, Course
from strata.evolution.pretraining.train import Trained, Weights, course_key, train
from strata.evolution.pretraining.world import make_configuration, make_tokenizer
from strata.files import locked, make_folder, sync_folder, write

RECORD = "pretraining.json"
_WORK = ".pretraining"  # in the output folder, while training
Progress = Callable[[str, int, int, float], None]


@dataclass(frozen=True)
class PretrainedModel:
    """`key`: digest of what it was trained on and from; `weights`: SHA-256 of its safetensors file."""

    name: str
    steps: int
    loss: float
    key: str
    weights: str


def pretrain(
    out: Path,
    seed: int,
    base: Course = BASE,
    specialists: Sequence[Course] = SPECIALISTS,
    progress: Progress | None = None,
) -> tuple[PretrainedModel, ...]:
    """Train `base`, then each specialist from it, into `out/<name>/`; the record of it is `out/pretraining.json`.

    A model that the record names and whose file is as recorded is not trained again, and one that was being trained
    goes on from its last state. Equal seed and courses: equal bytes, on the same machine and libraries. `progress`
    gets the model's name, steps done, of how many, and the loss. Two runs in one folder wait for each other.
    """
    make_folder(out)
    with locked(out / f"{_WORK}.lock", exclusive=True):
        done = {model.name: model for model in read_record(out)}
        first, start = _take(out, base, seed, None, done, progress=progress)
        models = [first]
        for course in specialists:
            model, _ = _take(out, course, seed, start, done, progress=progress)
            models.append(model)
        shutil.rmtree(out / _WORK, ignore_errors=True)
    (out / f"{_WORK}.lock").unlink(missing_ok=True)
    return tuple(models)


def read_record(out: Path) -> tuple[PretrainedModel, ...]:
    """What the folder's record names; nothing where there is none, or none that can be read."""
    try:
        fields = json.loads((out / RECORD).read_bytes())
        return tuple(PretrainedModel(**model) for model in fields["models"])
    except (OSError, ValueError, KeyError, TypeError):
        return ()


def _take(
    out: Path,
    course: Course,
    seed: int,
    start: Weights | None,
    done: dict[str, PretrainedModel],
    *,
    progress: Progress | None,
) -> tuple[PretrainedModel, Weights]:
    """The model of a course and its weights: found, or trained and recorded."""
    key, file = course_key(course, seed, start), out / course.name / "model.safetensors"
    known = done.get(course.name)
    if known and known.key == key and file.is_file() and _digest(file) == known.weights:
        if progress:
            progress(course.name, course.steps, course.steps, known.loss)
        return known, load_file(file)
    state = out / _WORK / f"{course.name}.safetensors"
    trained = train(course, seed, start, state, progress and _named(course.name, progress))
    _save(trained, out / course.name)
    model = PretrainedModel(course.name, course.steps, round(trained.loss, 6), key, _digest(file))
    done[course.name] = model
    record = {"seed": seed, "models": [vars(entry) for entry in done.values()]}
    write(out / RECORD, (json.dumps(record, indent=1) + "\n").encode())
    state.unlink(missing_ok=True)
    return model, trained.weights


def _named(name: str, progress: Progress) -> Callable[[int, int, float], None]:
    return lambda step, steps, loss: progress(name, step, steps, loss)


def _save(trained: Trained, folder: Path) -> None:
    """Write a model folder beside `folder`, then put it there."""
    from transformers import LlamaForCausalLM

    staging = folder.with_name(f".{folder.name}.{os.getpid()}")
    shutil.rmtree(staging, ignore_errors=True)
    model = LlamaForCausalLM(make_configuration())
    model.load_state_dict(dict(trained.weights))
    with quietly():
        model.save_pretrained(staging)
        make_tokenizer().save_pretrained(staging)
    for file in staging.iterdir():
        file.chmod(0o644)  # safetensors makes files that only their owner can read
    old = folder.with_name(f".{folder.name}.{os.getpid()}.old")
    if folder.exists():
        folder.rename(old)
    staging.rename(folder)
    sync_folder(folder.parent)
    shutil.rmtree(old, ignore_errors=True)


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


__all__ = ["PretrainedModel", "pretrain", "read_record"]
