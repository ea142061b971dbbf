"""Where a stage's weights lie in memory, and how checkpoint tensors get there.

All weights of a stage share one anonymous mapping that asks for huge pages: a decode step spends its time on reading
weights, and fewer page-table walks make it about 8 % faster. A tensor is copied (or read) straight to its place.
"""

import mmap
from collections.abc import Iterable
from math import prod

import torch

_HUGE_PAGE = 1 << 21
_ALIGNMENT = 64  # a cache line, and what the vector kernels like


class Arena:
    """One block of zeroed memory from which tensors are cut."""

    def __init__(self, sizes: Iterable[int]) -> None:
        total = sum(_round_up(size, _ALIGNMENT) for size in sizes)
        # Private, because shared anonymous memory (Python's default) is a file to the kernel and gets no huge pages.
        flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS
        self._memory = mmap.mmap(-1, _round_up(total, _HUGE_PAGE) + _HUGE_PAGE, flags=flags)
        self._bytes = torch.frombuffer(self._memory, dtype=torch.uint8)
        self._next = -self._bytes.data_ptr() % _HUGE_PAGE
        self._end = self._next + total
        # Whole huge pages only: the last one would otherwise be taken whole for its first few bytes.
        whole = total // _HUGE_PAGE * _HUGE_PAGE
        if hasattr(mmap, "MADV_HUGEPAGE") and whole:
            self._memory.madvise(mmap.MADV_HUGEPAGE, self._next, whole)

    def tensor(self, shape: torch.Size, dtype: torch.dtype) -> torch.Tensor:
        """The next tensor of zeros."""
        start, size = self._next, prod(shape) * dtype.itemsize
        if start + size > self._end:
            raise MemoryError("the arena was made for fewer bytes")
        self._next = start + _round_up(size, _ALIGNMENT)
        return self._bytes[start : start + size].view(dtype).view(shape)


def buffer_of(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous CPU tensor, writable in place."""
    return memoryview(tensor.detach().view(-1).view(torch.uint8).numpy().data)


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
