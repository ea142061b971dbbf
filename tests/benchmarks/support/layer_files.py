"""A checkpoint's layers, each in a file of its own that can be read past the page cache straight to its place."""

import mmap
import os
import time
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import nn

from strata.inference import Checkpoint

PAGE = 4096  # O_DIRECT wants memory, offset and length in whole blocks of the disk
ALIGNMENT = 64
HUGE_PAGE = 1 << 21


@dataclass(frozen=True)
class Slot:
    """Where one weight lies in its layer's file; `name` is that within the layer."""

    name: str
    offset: int
    shape: tuple[int, ...]
    nbytes: int


class LayerFiles:
    """The files of a model whose layers all have the same weights, in bfloat16."""

    def __init__(self, checkpoint: Checkpoint, folder: Path, layers: int) -> None:
        self._folder = folder
        self.layers = layers
        self.slots: list[Slot] = []
        end = 0
        for name, entry in checkpoint.tensors.items():
            if name.startswith("model.layers.0."):
                self.slots.append(Slot(name.removeprefix("model.layers.0."), end, entry.shape, entry.nbytes))
                end += -(-entry.nbytes // ALIGNMENT) * ALIGNMENT
        self.layer_bytes = -(-end // PAGE) * PAGE

    def write(self, checkpoint: Checkpoint) -> None:
        """Write them all, one layer in memory at a time."""
        self._folder.mkdir()
        for layer in range(self.layers):
            data = memoryview(bytearray(self.layer_bytes))
            for slot in self.slots:
                piece = data[slot.offset : slot.offset + slot.nbytes]
                checkpoint.read_into(f"model.layers.{layer}.{slot.name}", [piece])
            self._path(layer).write_bytes(data)

    def read(self, layer: int, buffer: memoryview) -> None:
        """Fill `buffer` (layer_bytes, on a page's boundary) with a layer from the disk itself."""
        descriptor = os.open(self._path(layer), os.O_RDONLY | os.O_DIRECT)
        try:
            done = 0
            while done < self.layer_bytes:
                count = os.preadv(descriptor, [buffer[done : self.layer_bytes]], done)
                if count == 0:
                    raise EOFError(f"{self._path(layer)} is too short")
                done += count
        finally:
            os.close(descriptor)

    def disk_bandwidth(self) -> float:
        """Bytes a second of reading all layers, one after the other."""
        buffer = memory(self.layer_bytes)
        buffer[::PAGE] = bytes(len(buffer[::PAGE]))  # memory that is there already
        start = time.perf_counter()
        for layer in range(self.layers):
            self.read(layer, buffer)
        return self.layers * self.layer_bytes / (time.perf_counter() - start)

    def parameters(self, buffer: memoryview) -> list[nn.Parameter]:
        """The weights of the layer in `buffer`, in the order of `slots`, sharing its memory."""
        whole = torch.frombuffer(buffer, dtype=torch.uint8)
        pieces = [whole[slot.offset : slot.offset + slot.nbytes].view(torch.bfloat16) for slot in self.slots]
        return [
            nn.Parameter(piece.view(slot.shape), requires_grad=False)
            for piece, slot in zip(pieces, self.slots, strict=True)
        ]

    def install(self, layer: nn.Module, parameters: list[nn.Parameter]) -> None:
        """Have `layer` compute with these weights."""
        for slot, parameter in zip(self.slots, parameters, strict=True):
            module, _, name = slot.name.rpartition(".")
            layer.get_submodule(module)._parameters[name] = parameter

    def _path(self, layer: int) -> Path:
        return self._folder / f"layer-{layer:03}"


def memory(nbytes: int) -> memoryview:
    """Fresh memory on a huge page's boundary, in huge pages where the kernel has them.

    They matter for reading past the page cache as well: a virtual disk gave 2.7 GB a second to them, 0.95 to pages of
    4 KiB.
    """
    block = mmap.mmap(-1, nbytes + HUGE_PAGE, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    start = -torch.frombuffer(block, dtype=torch.uint8).data_ptr() % HUGE_PAGE
    whole = nbytes // HUGE_PAGE * HUGE_PAGE
    if whole:
        block.madvise(mmap.MADV_HUGEPAGE, start, whole)
    return memoryview(block)[start : start + nbytes]
