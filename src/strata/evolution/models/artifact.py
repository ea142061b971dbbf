"""Model folders in the store, and back.

A model's digest is that of its manifest, a JSON object of file names and the SHA-256 of each one's content, with sorted
keys: equal files give an equal digest, whatever their dates and wherever they lie.
"""

import json
import os
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from strata.errors import StrataError
from strata.files import make_folder, sync_folder
from strata.store import InvalidName, Store

KIND = "model"
MOST_FILES = 1000
MOST_BYTES = 1 << 20  # of a manifest
# What a model consists of; model cards and the files of a training run are not part of it.
_SUFFIXES = (".safetensors", ".json", ".model", ".txt", ".jinja")
_LEFT_OUT = ("trainer_state.json", "mergekit_config.yml")


class BadModel(StrataError):
    """A folder that holds no model, or a blob that is no manifest of one."""


@dataclass(frozen=True)
class ModelManifest:
    """`files`: digests by file name. `digest` is the model's own."""

    digest: str
    files: Mapping[str, str]


def put_model(store: Store, folder: Path, name: str | None = None) -> ModelManifest:
    """Store a model folder (config.json, safetensors, tokenizer); with `name` a ref keeps it and all its files.

    Raises BadModel where there is no configuration or no weights.
    """
    names = sorted(entry.name for entry in folder.iterdir() if _is_part(entry)) if folder.is_dir() else []
    if "config.json" not in names or not any(file.endswith(".safetensors") for file in names):
        raise BadModel(f"{folder} holds no model: config.json and *.safetensors are needed")
    files = {file: store.put((folder / file).read_bytes()) for file in names}
    digest = store.put(json.dumps({"files": files}, sort_keys=True).encode())
    if name is not None:
        store.set_ref(KIND, name, digest, needs=files.values())
    return ModelManifest(digest, files)


def open_model(store: Store, digest: str) -> ModelManifest:
    """The manifest with this digest. Raises BlobMissing, BlobCorrupt, and BadModel for what is no manifest."""
    if store.size(digest) > MOST_BYTES:
        raise BadModel(f"{digest} is no manifest of a model: it is too large")
    try:
        fields = json.loads(store.read(digest))
        files = {str(name): str(blob) for name, blob in fields["files"].items()}
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
        raise BadModel(f"{digest} is no manifest of a model") from error
    if len(files) > MOST_FILES or any(Path(name).name != name or name.startswith(".") for name in files):
        raise BadModel(f"{digest} names files that no model has")
    return ModelManifest(digest, files)


def find_model(store: Store, text: str) -> str | None:
    """Digest of the model that `put_model` has kept under this name, or `text` where that is a digest in the store."""
    with suppress(InvalidName):
        if (ref := store.ref(KIND, text)) is not None:
            return ref.digest
    with suppress(InvalidName):
        return text if store.has(text) else None
    return None


def check_out(store: Store, digest: str, folder: Path) -> Path:
    """The model's files, verified, in `folder`, which is made; returns it. What is there already is not looked at.

    Raises BlobMissing, BlobCorrupt and BadModel; `folder` is not there then.
    """
    if folder.exists():
        return folder
    manifest = open_model(store, digest)
    make_folder(folder.parent)
    staging = folder.with_name(f".{folder.name}.{os.getpid()}")
    staging.mkdir(exist_ok=True)
    try:
        for name, blob in manifest.files.items():
            (staging / name).write_bytes(store.read(blob))
        staging.rename(folder)
    except OSError:
        if not folder.exists():  # somebody else was quicker: theirs is as good
            raise
    finally:
        if staging.exists():
            for left in staging.iterdir():
                left.unlink()
            staging.rmdir()
    sync_folder(folder.parent)
    return folder


def _is_part(entry: Path) -> bool:
    return entry.is_file() and entry.suffix in _SUFFIXES and entry.name not in _LEFT_OUT and entry.name[0] != "."
