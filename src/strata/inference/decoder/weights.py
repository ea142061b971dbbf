"""Where a stage's weights lie in memory, and how checkpoint tensors get there.

All weights of a stage share one anonymous mapping that asks for huge pages: a decode step spends its time on reading
weights, and fewer page-table walks make it about 8 % faster. A tensor is copied (or read) straight to its place.

A matrix in float32 or float64 that is multiplied with lies along its longer side. The product of a matrix and a vector
waits for memory, and BLAS reads long runs faster: for the shapes of SmolLM2, 12 GB/s row by row of 576 and 19 to 25 by
columns of 1536 to 49152 (one core; a plain sum reads 30). In half precision oneDNN wants rows.
"""

import mmap
from collections.abc import Iterable, Iterator
from math import prod

import torch

_HUGE_PAGE = 1 << 21
_STAGING_BYTES = 1 << 20
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

    def tensor(self, shape: torch.Size, dtype: torch.dtype, *, multiplied: bool = False) -> torch.Tensor:
        """The next tensor of zeros; `multiplied` says that it is the matrix of a product."""
        start, size = self._next, prod(shape) * dtype.itemsize
        if start + size > self._end:
            raise MemoryError("the arena was made for fewer bytes")
        self._next = start + _round_up(size, _ALIGNMENT)
        flat = self._bytes[start : start + size].view(dtype)
        if multiplied and dtype in {torch.float32, torch.float64} and len(shape) == 2 and shape[0] > shape[1]:
            return flat.view(shape[1], shape[0]).t()
        return flat.view(shape)

    def release(self, tensor: torch.Tensor) -> None:
        """Give the pages that only this tensor lies in back to the system; it reads as zeros, for good.

        They must not ask for huge pages any more: khugepaged makes one of any range that has a single page left, and
        fills the rest with zeros. It did so with 16 MB every ten seconds, until all was resident again.
        """
        start = tensor.data_ptr() - self._bytes.data_ptr()
        first, end = _round_up(start, mmap.PAGESIZE), (start + tensor.nbytes) // mmap.PAGESIZE * mmap.PAGESIZE
        if end > first:
            if hasattr(mmap, "MADV_NOHUGEPAGE"):
                self._memory.madvise(mmap.MADV_NOHUGEPAGE, first, end - first)
            self._memory.madvise(mmap.MADV_DONTNEED, first, end - first)


def buffer_of(tensor: torch.Tensor) -> memoryview:
    """The bytes of a contiguous CPU tensor, writable in place."""
    return memoryview(tensor.detach().view(-1).view(torch.uint8).numpy().data)


def buffers_of(tensor: torch.Tensor, dtype: torch.dtype | None = None) -> Iterator[memoryview]:
    """Buffers to be filled one after the other with a CPU tensor's elements, as `dtype`, in row-major order.

    A contiguous tensor of that dtype (None: its own) is its own buffer. Others are filled some rows at a time through a
    small one, which is emptied when the next buffer is asked for: ask until there is none.
    """
    dtype = dtype or tensor.dtype
    if tensor.dim() == 0 or (tensor.is_contiguous() and dtype == tensor.dtype):
        yield buffer_of(tensor)
        return
    rows = max(1, _STAGING_BYTES // max(1, tensor[0].numel() * dtype.itemsize))
    staging = torch.empty((min(rows, len(tensor)), *tensor.shape[1:]), dtype=dtype)
    for start in range(0, len(tensor), rows):
        part = tensor[start : start + rows]
        yield buffer_of(staging[: len(part)])
        part.copy_(staging[: len(part)])


def _round_up(size: int, multiple: int) -> int:
    return -(-size // multiple) * multiple
