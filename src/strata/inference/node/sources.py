"""Where a stage's weights come from: a checkpoint on disk, or the verified blobs of a node's store."""

from collections.abc import Callable, Iterable, Mapping

import torch

from strata.errors import StrataError
from strata.inference.decoder.weights import buffers_of
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.protocol.manifest import Manifest, TensorRefused
from strata.store import BlobCorrupt, Store

TORCH_DTYPE: Mapping[str, torch.dtype] = {
    "F64": torch.float64, "F32": torch.float32, "F16": torch.float16, "BF16": torch.bfloat16,
    "F8_E4M3": torch.float8_e4m3fn, "F8_E5M2": torch.float8_e5m2,
    "I64": torch.int64, "I32": torch.int32, "I16": torch.int16, "I8": torch.int8,
    "U64": torch.uint64, "U32": torch.uint32, "U16": torch.uint16, "U8": torch.uint8, "BOOL": torch.bool,
}  # fmt: skip


class LoadEnded(StrataError):
    """Weights that are not wanted any more were not read to the end."""


class TensorSource:
    """Checkpoint tensors by name, read straight to where they are wanted (the `Source` of `Stage.load`)."""

    def __init__(
        self,
        described: Mapping[str, tuple[torch.dtype, tuple[int, ...]]],
        fill: Callable[[str, Iterable[memoryview]], None],
    ) -> None:
        self._described = described
        self._fill = fill

    @classmethod
    def of_checkpoint(cls, checkpoint: Checkpoint) -> "TensorSource":
        """The tensors of a checkpoint folder."""
        described = {name: (TORCH_DTYPE[entry.dtype], entry.shape) for name, entry in checkpoint.tensors.items()}
        return cls(described, checkpoint.read_into)

    @classmethod
    def of_store(cls, store: Store, manifest: Manifest, ended: Callable[[], bool] = lambda: False) -> "TensorSource":
        """The tensors of `manifest`, each verified while it is read; once `ended`, LoadEnded is raised instead.

        A blob that has rotted is removed, so that it is sent anew the next time, and raises TensorRefused.
        """
        digests = {tensor.name: tensor.sha256 for tensor in manifest.tensors}
        described = {tensor.name: (TORCH_DTYPE[tensor.dtype], tensor.shape) for tensor in manifest.tensors}

        def fill(name: str, buffers: Iterable[memoryview]) -> None:
            if ended():
                raise LoadEnded("nobody waits for these weights any more")
            try:
                store.read_into(digests[name], buffers)
            except BlobCorrupt as error:
                store.layout.blob(digests[name]).unlink(missing_ok=True)
                raise TensorRefused(name, f"its copy in this node's store has rotted ({error})") from error

        return cls(described, fill)

    def __call__(self, name: str) -> torch.Tensor:
        """The tensor, newly allocated, in the checkpoint's dtype."""
        dtype, shape = self._described[name]
        tensor = torch.empty(shape, dtype=dtype)
        self._fill(name, buffers_of(tensor))
        return tensor

    def read_into(self, name: str, buffers: Iterable[memoryview], dtype: torch.dtype, shape: tuple[int, ...]) -> bool:
        """Fill `buffers` if the tensor has exactly this dtype and shape; False, touching nothing, if it has not."""
        if self._described[name] != (dtype, shape):
            return False
        self._fill(name, buffers)
        return True
