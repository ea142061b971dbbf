"""Where weights lie, and that they get there whole."""

import ctypes
import mmap

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.decoder.weights import Arena, buffers_of
from strata.inference.node.process_memory import resident_bytes

_HUGE_PAGE, _MADV_COLLAPSE = 1 << 21, 25  # linux/mman.h


def fill(tensor: torch.Tensor, values: torch.Tensor) -> None:
    data = memoryview(values.numpy()).cast("B")
    for buffer in buffers_of(tensor):
        buffer[:], data = data[: len(buffer)], data[len(buffer) :]
    assert not data


def test_a_matrix_of_products_lies_along_its_longer_side() -> None:
    arena = Arena([4096] * 5)
    tall = arena.tensor(torch.Size([32, 8]), torch.float32, multiplied=True)
    wide = arena.tensor(torch.Size([8, 32]), torch.float32, multiplied=True)
    table = arena.tensor(torch.Size([32, 8]), torch.float32)
    half = arena.tensor(torch.Size([32, 8]), torch.bfloat16, multiplied=True)
    assert [tall.stride(), wide.stride(), table.stride(), half.stride()] == [(1, 32), (32, 1), (8, 1), (8, 1)]
    assert {each.data_ptr() % 64 for each in (tall, wide, table, half)} == {0}


@given(rows=st.integers(1, 40), columns=st.integers(1, 40), tall=st.booleans())
def test_what_is_filled_in_row_major_order_is_the_matrix(rows: int, columns: int, tall: bool) -> None:
    values = torch.arange(rows * columns, dtype=torch.float32).view(rows, columns)
    matrix = torch.zeros(columns, rows).t() if tall else torch.zeros(rows, columns)
    fill(matrix, values)
    assert torch.equal(matrix, values)


def test_a_large_matrix_takes_a_small_buffer() -> None:
    values = torch.arange(3 * (1 << 20), dtype=torch.float32).view(-1, 1536)
    matrix = torch.zeros(1536, len(values)).t()
    assert max(map(len, buffers_of(matrix))) <= 1 << 20
    fill(matrix, values)
    assert torch.equal(matrix, values)


def test_another_dtype_is_converted_through_a_small_buffer() -> None:
    values = torch.randn(3 << 20, generator=torch.Generator().manual_seed(0)).view(-1, 1536)
    matrix = torch.zeros(values.shape, dtype=torch.bfloat16)
    data, largest = memoryview(values.numpy()).cast("B"), 0
    for buffer in buffers_of(matrix, torch.float32):
        buffer[:], data = data[: len(buffer)], data[len(buffer) :]
        largest = max(largest, len(buffer))
    assert not data
    assert largest <= 1 << 20
    assert torch.equal(matrix, values.bfloat16())


def test_a_tensor_that_is_released_gives_its_pages_back_and_leaves_its_neighbours_alone():
    size = 1 << 20
    arena = Arena([size, 5 * size + 100, size])
    before, middle, after = (arena.tensor(torch.Size([n]), torch.uint8) for n in (size, 5 * size + 100, size))
    for tensor in (before, middle, after):
        tensor.fill_(7)
    full = resident_bytes()
    arena.release(middle)
    assert full - resident_bytes() >= 5 * size - (1 << 16)
    assert bool((before == 7).all())
    assert bool((after == 7).all())
    assert not middle[mmap.PAGESIZE : -mmap.PAGESIZE].any()


def test_no_huge_page_is_made_of_what_was_released() -> None:
    """As khugepaged does, some time later, wherever a single page is left."""
    arena = Arena([_HUGE_PAGE, 4 * _HUGE_PAGE])
    kept, released = (arena.tensor(torch.Size([n * _HUGE_PAGE]), torch.uint8) for n in (1, 4))
    kept.fill_(1)
    released.fill_(1)
    if not make_huge(kept):
        pytest.skip("this kernel makes no huge pages when asked to (MADV_COLLAPSE came with Linux 6.1)")
    arena.release(released[: 2 * _HUGE_PAGE - mmap.PAGESIZE])
    arena.release(released[2 * _HUGE_PAGE : 4 * _HUGE_PAGE])
    before = resident_bytes()
    for page in released.split(_HUGE_PAGE):
        make_huge(page)
    assert resident_bytes() - before < _HUGE_PAGE // 2
    assert not released[2 * _HUGE_PAGE :].any()


def make_huge(tensor: torch.Tensor) -> bool:
    """Have the kernel put the tensor's pages into huge ones, now; whether it did."""
    libc = ctypes.CDLL(None, use_errno=True)
    return bool(libc.madvise(ctypes.c_void_p(tensor.data_ptr()), ctypes.c_size_t(tensor.nbytes), _MADV_COLLAPSE) == 0)
