"""How much memory this process holds, and how to have it hold no more than it must."""

import ctypes
import gc
import os
import resource
import sys
from functools import cache
from pathlib import Path

import torch

_STATUS = Path("/proc/self/status")
_CLEAR_REFS = Path("/proc/self/clear_refs")
_M_MMAP_THRESHOLD, _M_ARENA_MAX = -3, -8
_MMAP_THRESHOLD = 64 << 10
_MOST_KERNELS = 16  # a stage has four or five shapes, each with as many rows as a step has sessions


def tune_allocator() -> None:
    """Have glibc give large blocks back to the system as soon as they are freed, and keep one arena for all threads.

    By default it raises the threshold above which blocks are mapped singly whenever one is freed, so that later large
    blocks stay in the heap, and gives every thread an arena of its own. Elsewhere than on glibc nothing changes.
    """
    libc = _libc()
    if libc is not None:
        libc.mallopt(_M_MMAP_THRESHOLD, _MMAP_THRESHOLD)
        libc.mallopt(_M_ARENA_MAX, 1)


def bound_kernels() -> None:
    """Have oneDNN keep no more than some kernels, whatever the environment does not say otherwise.

    It makes one for every shape of a product, some 0.4 MB each in bfloat16, and keeps 1024 of them, in a cache of its
    own and in torch's: with every new length of a prompt a stage of five layers took 2.5 MB more, ten times its weights
    in the end. To make one again takes half a millisecond. Without effect once oneDNN has been used.
    """
    for name in ("ONEDNN_PRIMITIVE_CACHE_CAPACITY", "LRU_CACHE_CAPACITY"):
        os.environ.setdefault(name, str(_MOST_KERNELS))


def release() -> None:
    """Collect garbage and give free heap memory back to the system."""
    gc.collect()
    libc = _libc()
    if libc is not None:
        libc.malloc_trim(0)


def free_scratch() -> None:
    """Give back what MKL keeps for its next product: as much as its largest one so far needed.

    It spares the products that follow thousands of page faults, but after a head of 49152 tokens it is 5 MB, which a
    smaller shard will never use.
    """
    library = _torch_library()
    if library is not None:
        library.mkl_serv_free_buffers()  # mkl_free_buffers in MKL's documentation


def resident_bytes() -> int:
    """Resident memory now (VmRSS)."""
    return _status("VmRSS") or peak_resident_bytes()


_MALLINFO2 = "arena ordblks smblks hblks hblkhd usmblks fsmblks uordblks fordblks keepcost"


class _Mallinfo2(ctypes.Structure):
    _fields_ = [(name, ctypes.c_size_t) for name in _MALLINFO2.split()]


def allocated_bytes() -> int | None:
    """Bytes that are allocated and not freed, of tensors and other C objects (mallinfo2(3)); None where not glibc.

    Weights are not among them: they lie in memory that is mapped by itself.
    """
    libc = _libc()
    if libc is None or not hasattr(libc, "mallinfo2"):
        return None
    libc.mallinfo2.restype = _Mallinfo2
    found = libc.mallinfo2()
    return int(found.uordblks + found.hblkhd)


def peak_resident_bytes() -> int:
    """The largest resident memory since the process started or `reset_peak` succeeded (VmHWM)."""
    peak = _status("VmHWM")
    if peak is None:  # not Linux: the largest since the start, in KiB or, on macOS, bytes
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * (1 if sys.platform == "darwin" else 1024)
    return peak


def reset_peak() -> bool:
    """Start the peak anew (proc(5), clear_refs 5). False where that is not allowed: it then counts from the start."""
    try:
        _CLEAR_REFS.write_text("5")
    except OSError:
        return False
    return True


def _status(field: str) -> int | None:
    try:
        for line in _STATUS.read_text().splitlines():
            if line.startswith(field + ":"):
                return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


@cache
def _torch_library() -> ctypes.CDLL | None:
    """The library that has MKL in it; None where torch was built without."""
    path = Path(torch.__file__).parent / "lib" / "libtorch_cpu.so"
    if not torch.backends.mkl.is_available() or not path.exists():  # type: ignore[no-untyped-call]
        return None
    library = ctypes.CDLL(str(path))
    return library if hasattr(library, "mkl_serv_free_buffers") else None


def _libc() -> ctypes.CDLL | None:
    if sys.platform != "linux":
        return None
    libc = ctypes.CDLL(None)
    return libc if hasattr(libc, "mallopt") and hasattr(libc, "malloc_trim") else None
