"""One merge of a recipe file into a folder: what mergekit's own command does, and the same bytes."""

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.errors import StrataError
from strata.evolution.merge.outcome import Engine, FailureKind
from strata.evolution.merge.process import WorkerDied, WorkerLate, WorkerProcess
from strata.evolution.recipes import models_in, with_paths
from strata.files import make_folder, sync_folder
from strata.store import Store

MOST_BYTES = 1 << 20  # of a recipe file


class BadRecipeFile(StrataError):
    """A recipe file or an output folder that cannot be used."""


@dataclass(frozen=True)
class MergedFolder:
    """A model that was written. `files`: their names, sorted."""

    out: Path
    files: tuple[str, ...]
    engine: Engine
    seconds: float
    peak_bytes: int


@dataclass(frozen=True)
class FolderFailed:
    """Nothing was written: why."""

    kind: FailureKind
    detail: str


def merge_file(
    recipe: Path, out: Path, seed: int, store: Store, *, threads: int | None = None
) -> MergedFolder | FolderFailed:
    """Carry out mergekit's YAML, as `mergekit-yaml RECIPE OUT --random-seed SEED` does with its default options.

    Paths of models in it are relative to the working directory; `model:<digest>` is a model of the store. `out` does
    not exist or is empty; it appears with all its files or not at all. threads: None leaves the number to torch, as
    mergekit does. Raises BadRecipeFile.
    """
    source, configuration = _read(recipe)
    out = Path(os.path.abspath(out))
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise BadRecipeFile(f"{out} is there and not empty")
    with _staging(out) as staging:
        parents = staging / "parents"
        order = {
            "models": models_in(configuration),
            "parents": str(parents),
            "configuration": with_paths(configuration, lambda digest: str(parents / digest)),
            "seed": seed,
            "out": str(staging / out.name),
            "source": source,
            "put": False,
        }
        worker = WorkerProcess(store, Path.cwd(), staging, threads)
        try:
            engine = worker.ready()
            answer = worker.ask(order, None)
        except WorkerLate:
            return FolderFailed("timeout", "the worker did not start")
        except WorkerDied as error:
            return FolderFailed("worker-killed", str(error))
        finally:
            worker.close()
        if "kind" in answer:
            return FolderFailed(answer["kind"], answer["detail"])
        files = _publish(staging / out.name, out)
    return MergedFolder(out, files, engine, float(answer["seconds"]), int(answer["peak_bytes"]))


def _read(recipe: Path) -> tuple[str, dict[str, Any]]:
    import yaml  # mergekit needs it, so it is there when this is

    try:
        data = recipe.read_bytes()
        if len(data) > MOST_BYTES:
            raise BadRecipeFile(f"{recipe} is larger than {MOST_BYTES:,} bytes")
        source = data.decode()
        configuration = yaml.safe_load(source)
        json.dumps(configuration)  # dates and sets are YAML too, and no part of a configuration
    except (OSError, UnicodeDecodeError, yaml.YAMLError, RecursionError, TypeError, ValueError) as error:
        raise BadRecipeFile(f"cannot read {recipe}: {error}") from error
    if not isinstance(configuration, dict) or not isinstance(configuration.get("merge_method"), str):
        raise BadRecipeFile(f"{recipe} is no mergekit configuration: it has no merge_method")
    return source, configuration


@contextmanager
def _staging(out: Path) -> Iterator[Path]:
    """A folder on the disk of `out`. The model lies in it under its own name: mergekit's card says that name."""
    make_folder(out.parent)
    staging = out.parent / f".{secrets.token_hex(8)}"
    staging.mkdir()
    try:
        yield staging
    finally:
        shutil.rmtree(staging, ignore_errors=True)


def _publish(folder: Path, out: Path) -> tuple[str, ...]:
    for file in folder.iterdir():
        descriptor = os.open(file, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
    sync_folder(folder)
    folder.rename(out)  # over an empty folder, if there is one
    sync_folder(out.parent)
    return tuple(sorted(file.name for file in out.iterdir()))
