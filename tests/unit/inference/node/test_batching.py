"""How many threads compute: all that there are for the steps of a lone session, else the node's share."""

from collections.abc import Iterator
from types import SimpleNamespace
from typing import cast

import pytest
import torch
import trio

from strata.inference.decoder.session import StageSession
from strata.inference.node.batching import Batcher
from strata.inference.node.worker import Worker


class Counting:
    """In place of a session: its forward gives how many threads compute it."""

    def __init__(self, dtype: torch.dtype = torch.bfloat16) -> None:
        self.stage = SimpleNamespace(model=SimpleNamespace(dtype=dtype))

    def program(self, inputs: torch.Tensor) -> None:
        """Its steps are made by `forward`."""

    def forward(self, inputs: torch.Tensor, want: str = "last_logits") -> torch.Tensor:
        """The number of threads, at each place of `inputs`."""
        return torch.full_like(inputs, torch.get_num_threads())


@pytest.fixture
def worker() -> Iterator[Worker]:
    worker = Worker()
    yield worker
    worker.stop()


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


async def threads_of(
    batcher: Batcher, name: str, tokens: int, *, more: bool = False, dtype: torch.dtype = torch.bfloat16
) -> int:
    """With how many threads a slice of a session of that name is computed."""
    inputs = torch.zeros(1, tokens, dtype=torch.int64)
    session = cast(StageSession, Counting(dtype))
    return int(await batcher.compute(name, session, inputs, torch.Tensor.max, more=more))


def test_a_lone_sessions_steps_have_all_threads_and_slices_the_share(worker: Worker) -> None:
    async def run() -> list[int]:
        batcher = Batcher(worker, threads_alone=3)
        with batcher.session("one", 1):
            slices = [(8, True), (8, False), (1, False), (1, False), (8, True)]
            return [await threads_of(batcher, "one", tokens, more=more) for tokens, more in slices]

    assert trio.run(run) == [2, 3, 3, 3, 2]


def test_in_float32_all_have_the_share(worker: Worker) -> None:
    async def run() -> list[int]:
        batcher = Batcher(worker, threads_alone=3)
        with batcher.session("one", 1):
            return [await threads_of(batcher, "one", tokens, dtype=torch.float32) for tokens in (8, 1)]

    assert trio.run(run) == [2, 2]


def test_several_sessions_have_the_share_until_one_is_left(worker: Worker) -> None:
    async def run() -> list[int]:
        batcher, found = Batcher(worker, threads_alone=3), []
        with batcher.session("one", 4):
            with batcher.session("other", 4):
                found += [await threads_of(batcher, name, 1) for name in ("one", "other")]
            return [*found, await threads_of(batcher, "one", 1)]

    assert trio.run(run) == [2, 2, 3]


def test_without_a_number_of_its_own_a_lone_session_has_the_share(worker: Worker) -> None:
    async def run() -> int:
        batcher = Batcher(worker)
        with batcher.session("one", 1):
            return await threads_of(batcher, "one", 1)

    assert trio.run(run) == 2
