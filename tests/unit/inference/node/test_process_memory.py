"""What a process gives back of its memory, seen from the system."""

import mmap
import os
import subprocess
import sys

import pytest
import torch

from strata.inference.decoder.prepacked import is_faster_here
from strata.inference.node.process_memory import peak_resident_bytes, reset_peak, resident_bytes

MEBIBYTE = 1 << 20

PRODUCT = """
import ctypes, torch
from strata.inference.node.process_memory import free_scratch
mkl = ctypes.CDLL(torch.__path__[0] + "/lib/libtorch_cpu.so")
mkl.mkl_serv_mem_stat.restype = ctypes.c_longlong  # in MKL's documentation: mkl_mem_stat, bytes that it holds
torch.set_num_threads(1)
left, right = torch.ones(64, 576), torch.ones(49152, 576)
torch.nn.functional.linear(left, right).sum()
print(mkl.mkl_serv_mem_stat(ctypes.byref(ctypes.c_int())))
free_scratch()
print(mkl.mkl_serv_mem_stat(ctypes.byref(ctypes.c_int())))
"""


@pytest.mark.skipif(not torch.backends.mkl.is_available(), reason="NOT TESTED: this torch has no MKL")
def test_what_mkl_keeps_of_a_large_product_is_given_back() -> None:
    # In a process of its own: others' products have left their scratch memory here. By MKL's own account, since how
    # much of it has been touched, and is resident, differs from processor to processor.
    told = subprocess.run([sys.executable, "-c", PRODUCT], check=True, capture_output=True, text=True)
    kept, left = map(int, told.stdout.split())
    assert kept > MEBIBYTE
    assert left == 0


LENGTHS = """
import gc, torch
from strata.inference.node.process_memory import bound_kernels, release, resident_bytes, tune_allocator
tune_allocator()
{bound}
torch.set_num_threads(1)
weight = torch.randn(1536, 576).bfloat16()
for length in range(50, 60):
    torch.nn.functional.linear(torch.randn(length, 576).bfloat16(), weight)
release()
before = resident_bytes()
for length in range(60, 360):
    torch.nn.functional.linear(torch.randn(length, 576).bfloat16(), weight)
release()
print(resident_bytes() - before)
"""


@pytest.mark.skipif(not is_faster_here(torch.bfloat16), reason="NOT TESTED: this processor has no bfloat16 products")
def test_memory_does_not_grow_with_every_new_length_of_a_prompt() -> None:
    def grown(bound: str) -> int:
        # A node that another test started in this process has left its bounds here.
        environment = {name: value for name, value in os.environ.items() if not name.endswith("CACHE_CAPACITY")}
        command = [sys.executable, "-c", LENGTHS.format(bound=bound)]
        run = subprocess.run(command, check=True, capture_output=True, text=True, env=environment)
        return int(run.stdout)

    unbounded, bounded = grown(""), grown("bound_kernels()")
    assert bounded < unbounded / 2


@pytest.mark.skipif(sys.platform != "linux", reason="NOT TESTED: peaks start anew on Linux only")
def test_a_peak_is_seen_until_it_is_reset() -> None:
    assert reset_peak()
    before = resident_bytes()
    # Nothing of it from the heap: free pages there may be resident already, or stay so.
    with mmap.mmap(-1, 32 * MEBIBYTE) as pages:
        for start in range(0, len(pages), mmap.PAGESIZE):
            pages[start] = 1
    assert peak_resident_bytes() >= before + 30 * MEBIBYTE
    assert reset_peak()
    assert peak_resident_bytes() < before + 16 * MEBIBYTE
