"""Memory that is taken when it is written to: a connection reserves room for bulk, and most never carry any."""

import mmap


def reserve(size: int) -> memoryview:
    """`size` bytes of zeros, of which only the pages that are used count as memory of the process."""
    area = mmap.mmap(-1, size, flags=mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS)
    if hasattr(mmap, "MADV_NOHUGEPAGE"):  # a huge page would take several connections' room at the first byte
        area.madvise(mmap.MADV_NOHUGEPAGE)
    return memoryview(area)
