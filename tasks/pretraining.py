"""The stages of the pretraining pipeline: train a base model and its specialists, put them into the store."""

from pathlib import Path

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from strata.evolution.pretraining import (
    BASE,
    SPECIALISTS,
    Checkpoint,
    PretrainedModel,
    pretrain,
    register_checkpoint,
    shortened,
)
from strata.settings import Settings
from strata.store import Ledger, open_store
from tasks.evolution_events import announce_checkpoint
from tasks.failures import stage
from tasks.pretraining_parameters import PretrainingParameters
from tasks.progress import ProgressPublisher
from tasks.terminal import console


@task(name="train", cache_policy=NO_CACHE)
def train_models(parameters: PretrainingParameters) -> list[PretrainedModel]:
    """Train the base model and its specialists into the folder; a run that was killed goes on where it was."""
    share = parameters.steps / BASE.steps if parameters.steps else 1.0
    courses = [shortened(course, share) for course in (BASE, *SPECIALISTS)]
    publisher = ProgressPublisher("pretraining", "Steps done", {course.name: course.steps for course in courses})
    bars = Progress(
        TextColumn("  {task.description:<10}"),
        BarColumn(),
        MofNCompleteColumn(),
        TextColumn("loss {task.fields[loss]:.3f}"),
        TimeRemainingColumn(),
        console=console,
    )
    with stage("train", {}, "check the folder and the space on its disk; run it again to resume."), publisher, bars:
        rows = {course.name: bars.add_task(course.name, total=course.steps, loss=float("nan")) for course in courses}

        def progress(name: str, done: int, total: int, loss: float) -> None:
            publisher.update(name, done, total)
            bars.update(rows[name], completed=done, loss=loss)

        return list(pretrain(Path(parameters.out), parameters.seed, courses[0], courses[1:], progress))


@task(name="register", cache_policy=NO_CACHE)
def register_models(parameters: PretrainingParameters, models: list[PretrainedModel]) -> list[Checkpoint]:
    """Put the models into the store, record and announce them."""
    settings = Settings()
    store, found = open_store(settings), list[Checkpoint]()
    advice = "check the space on the disk of STRATA_HOME, and run it again: what is trained is not trained again."
    with stage("register", {}, advice), Ledger(settings.ledger) as ledger:
        for model in models:
            checkpoint = register_checkpoint(
                store,
                ledger,
                Path(parameters.out) / model.name,
                model.name,
                model.steps,
                loss=model.loss,
                version=settings.phase_2_version,
                notify=announce_checkpoint,
            )
            found.append(checkpoint)
    rows = [{"model": c.run, "steps": c.step, "loss": c.loss, "digest": c.model} for c in found]
    create_table_artifact(rows, key="pretraining-models", description="Models that were trained")
    for checkpoint in found:
        sentence = f"{checkpoint.run}: {checkpoint.step} steps, model {checkpoint.model[:12]}"
        console.print(sentence)
        get_run_logger().info(sentence)
    return found
