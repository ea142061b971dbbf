"""What a node is to hold, signed by who sends it: a stage of a model and the SHA-256 of each of its tensors.

The body is canonical JSON, so the same stage of the same model always has the same body, and its SHA-256 names the
shard. The signature covers a label and the body; it is checked before the body is parsed.
"""

import hashlib
import json
from collections.abc import Mapping
from functools import cached_property
from math import prod
from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from strata.errors import StrataError
from strata.inference.models.checkpoint import DTYPE_BYTES, MAX_TENSOR_BYTES, Checkpoint
from strata.inference.models.digests import file_digests
from strata.inference.protocol.messages import Digest, Name
from strata.secure import Identity, verify

MAX_MANIFEST = 256 << 20
MAX_CONFIG = 1 << 20

_LABEL = b"strata:shard-manifest:v1\0"


class ManifestError(StrataError):
    """A manifest is not signed by its sender, or contradicts itself."""


class TensorRefused(StrataError):
    """What arrived for tensor `name` is not what the manifest says."""

    def __init__(self, name: str, reason: str) -> None:
        super().__init__(f"tensor {name!r} was refused: {reason}")
        self.name = name


class TensorDigest(BaseModel):
    """One tensor: its safetensors dtype and shape, its bytes and their SHA-256."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    name: Name
    dtype: str
    shape: Annotated[tuple[Annotated[int, Field(ge=0)], ...], Field(max_length=16)]
    nbytes: Annotated[int, Field(ge=0, le=MAX_TENSOR_BYTES)]
    sha256: Digest

    @model_validator(mode="after")
    def _size_fits(self) -> Self:
        if self.dtype not in DTYPE_BYTES or prod(self.shape) * DTYPE_BYTES[self.dtype] != self.nbytes:
            raise ValueError("dtype, shape and size disagree")
        return self


class Manifest(BaseModel):
    """Layers `first` to `last` (0-based, inclusive) of the model whose `config.json` is `config`, held as `dtype`.

    `weights` says that matrices are to be held in int8. It is left out of the body where it is None, so a shard held as
    it is has the name that it always had.
    """

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    model: Name
    config: Annotated[str, Field(max_length=MAX_CONFIG)]
    first: Annotated[int, Field(ge=0)]
    last: Annotated[int, Field(ge=0)]
    dtype: str
    weights: Literal["int8"] | None = None
    tensors: tuple[TensorDigest, ...]

    @model_validator(mode="after")
    def _consistent(self) -> Self:
        if self.first > self.last:
            raise ValueError("the first layer comes after the last")
        if len({tensor.name for tensor in self.tensors}) != len(self.tensors):
            raise ValueError("a tensor is listed twice")
        return self

    @cached_property
    def body(self) -> bytes:
        """The bytes that are signed."""
        fields = self.model_dump(mode="json", exclude={"weights"} if self.weights is None else None)
        return json.dumps(fields, sort_keys=True, separators=(",", ":")).encode()

    @cached_property
    def shard(self) -> str:
        """The shard's name: the SHA-256 of the body."""
        return hashlib.sha256(self.body).hexdigest()

    @property
    def total_bytes(self) -> int:
        """Bytes of all tensors as they are sent."""
        return sum(tensor.nbytes for tensor in self.tensors)

    def sign(self, identity: Identity) -> bytes:
        """The sender's signature."""
        return identity.sign(_LABEL + self.body)


def open_manifest(body: bytes, signature: bytes, sender: str) -> Manifest:
    """Check that peer `sender` signed `body`, and parse it; raises ManifestError."""
    if len(body) > MAX_MANIFEST:
        raise ManifestError(f"a manifest has at most {MAX_MANIFEST} bytes, not {len(body)}")
    if not verify(sender, signature, _LABEL + body):
        raise ManifestError(f"the manifest is not signed by its sender, {sender}")
    try:
        manifest = Manifest.model_validate_json(body)
    except ValidationError as error:
        detail = error.errors(include_input=False, include_url=False)[0]
        where = ".".join(map(str, detail["loc"]))
        raise ManifestError(f"the manifest is malformed: {where} {detail['msg']}") from None
    if manifest.body != body:
        raise ManifestError("the manifest is not in canonical form")
    return manifest


def write_manifest(
    checkpoint: Checkpoint,
    names: tuple[str, ...],
    first: int,
    last: int,
    *,
    dtype: str,
    weights: Literal["int8"] | None = None,
    home: Path,
) -> Manifest:
    """Describe the stage of layers `first` to `last`, made of the checkpoint's tensors `names`.

    Hashes what has not been hashed before; digests are remembered under `home`. Raises CheckpointError.
    """
    digests = _digests(checkpoint, names, home)
    return Manifest(
        model=checkpoint.path.resolve().name,
        config=checkpoint.config.decode(),
        first=first,
        last=last,
        dtype=dtype,
        weights=weights,
        tensors=tuple(
            TensorDigest(name=name, dtype=entry.dtype, shape=entry.shape, nbytes=entry.nbytes, sha256=digests[name])
            for name in names
            for entry in [checkpoint[name]]
        ),
    )


def _digests(checkpoint: Checkpoint, names: tuple[str, ...], home: Path) -> Mapping[str, str]:
    found: dict[str, str] = {}
    entries = [checkpoint[name] for name in names]
    for file in {entry.file for entry in entries}:
        ranges = {entry.name: (entry.offset, entry.nbytes) for entry in entries if entry.file == file}
        found |= file_digests(file, ranges, home)
    return found
