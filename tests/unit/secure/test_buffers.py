"""Reserved memory: counted when it is used, and not before."""

import psutil

from strata.secure.buffers import reserve
from tests.support.channels import connected

MIB = 1 << 20


def resident() -> int:
    return psutil.Process().memory_info().rss


def test_only_what_is_written_counts() -> None:
    before = resident()
    buffers = [reserve(MIB) for _ in range(64)]
    for buffer in buffers:
        buffer[MIB // 2] = 7
    assert resident() - before < 8 * MIB
    assert bytes(buffers[5][:4]) == bytes(4)


def test_an_idle_channel_is_small() -> None:
    connected()
    before = resident()
    pairs = [connected() for _ in range(50)]
    assert (resident() - before) / (2 * len(pairs)) < 64 << 10
