"""Steps with drafts or targets on one node: what it answers, where the next one may start, what it does not take."""

from array import array
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

import pytest
import trio
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.specimen import Specimen
from strata.inference.decoder.stage_model import StageModel
from strata.inference.decoder.traits import traits_of
from strata.inference.node.batching import Batcher
from strata.inference.node.pace import BLOCK_STEPS, PaceCounter
from strata.inference.node.running import StageRun
from strata.inference.node.worker import Worker
from strata.inference.protocol.messages import Failed, Open, Sampling, Scored, Step, Tokens

pytestmark = pytest.mark.anyio

SESSION, PROMPT, CONTEXT = "0" * 32, [5, 6, 7], 24


def stages_of(model_type: str, count: int) -> list[StageModel]:
    specimen = Specimen.of(CONFIG_MAPPING[model_type]())
    return specimen.stages(traits_of(specimen.config), count)


@pytest.fixture(scope="module")
def whole() -> StageModel:
    return stages_of("llama", 1)[0]


class Line:
    """A wire to whoever asks."""

    peer = SimpleNamespace(peer_id="asker", name="asker")

    def __init__(self) -> None:
        self._send, self._received = trio.open_memory_channel[tuple[Any, bytes]](100)

    async def send(self, message: Any, payload: Any = b"") -> None:
        await self._send.send((message, bytes(payload)))

    async def receive(self) -> tuple[Any, bytes]:
        with trio.fail_after(20):
            return await self._received.receive()


class Asker:
    """A coordinator of one session on one stage."""

    def __init__(self, run: StageRun, line: Line) -> None:
        self.run, self.line = run, line

    async def ask(self, *tokens: int, **fields: Any) -> Tokens | Scored | Failed:
        """The answer to a step with these tokens."""
        step = Step(**{"session": SESSION, "number": 0, "shape": (1, len(tokens)), "dtype": "int64"} | fields)
        self.run.feed(step, memoryview(array("q", tokens)).cast("B"), self.line)
        self.answer, self.payload = await self.line.receive()
        return self.answer


@asynccontextmanager
async def asking(stage: StageModel, pace: PaceCounter | None = None, **fields: Any) -> AsyncIterator[Asker]:
    """A session of one row is open."""
    order = {"shard": "0" * 64, "padding": (0,), "max_context": CONTEXT, "kv_bytes": 0, "sampling": Sampling()}
    line, worker = Line(), Worker()
    run = StageRun(
        Open(**{"session": SESSION, "previous": None, "following": None} | order | fields),
        stage,
        Batcher(worker),
        coordinator=line,
        following=None,
        pace=pace or PaceCounter(),
    )
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(run.run, "node")
            yield Asker(run, line)
            run.scope.cancel()
    finally:
        worker.stop()


async def tokens_of(stage: StageModel, count: int, **fields: Any) -> list[int]:
    """What the session says one by one."""
    async with asking(stage, **fields) as asker:
        said = [(await asker.ask(*PROMPT)).ids[0]]
        while len(said) < count:
            said += (await asker.ask(said[-1])).ids
    return said


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, seed=4)])
@pytest.mark.parametrize("right", [0, 2, 4])
async def test_drafts_are_kept_up_to_the_first_that_is_wrong(whole: StageModel, sampling: Sampling, right: int):
    said = await tokens_of(whole, 10, sampling=sampling)
    drafts = [token if place < right else (token + 1) % 100 for place, token in enumerate(said[1:5])]
    async with asking(whole, sampling=sampling) as asker:
        assert (await asker.ask(*PROMPT)).ids == (said[0],)
        answer = await asker.ask(said[0], *drafts, drafts=tuple(drafts), want_logits=True)
        assert list(answer.ids) == said[1 : right + 2]
        assert len(asker.payload) == 4 * 128 * (right + 1)
        place = len(PROMPT) + 1 + right
        for token, following in zip(said[right + 1 :], said[right + 2 :], strict=False):
            assert (await asker.ask(token, start=place)).ids == (following,)
            place += 1
        assert asker.run.session.length == place


async def test_a_step_starts_within_the_latest_drafts_and_nowhere_else(whole: StageModel):
    for start, fits in ((3, False), (4, True), (6, True), (7, False), (1 << 50, False)):
        async with asking(whole) as asker:
            await asker.ask(*PROMPT)
            await asker.ask(1, 2, 3, drafts=(2, 3))
            answer = await asker.ask(9, start=start)
            assert isinstance(answer, Tokens) == fits
            if not fits:
                assert "the session has 4 to 6" in answer.reason
    async with asking(whole) as asker:
        await asker.ask(*PROMPT)
        await asker.ask(1, 2, 3, drafts=(2, 3))
        await asker.ask(9, start=5)  # which confirms the first draft
        assert isinstance(await asker.ask(9, start=5), Failed)


@pytest.mark.parametrize(
    ("tokens", "fields", "reason"),
    [
        ((1, 2, 3), {"drafts": (2, 4)}, "not its tokens"),
        ((1, 2, 3), {"drafts": (3,)}, "has 1 drafts"),
        ((1, 2), {"drafts": (1, 2)}, "has 2 drafts"),
        ((1,), {"drafts": (1,)}, "has 1 drafts"),
        ((1, 2), {"drafts": (2,), "more": True}, "has 1 drafts"),
        ((1, 128), {"drafts": (128,)}, "IndexError"),
        ((1, 2, 3, 4), {"drafts": (3, 4), "shape": (2, 2)}, "has 2 drafts"),
        ((1, *[2] * 22), {"drafts": (2,) * 22}, "room is"),
    ],
)
async def test_what_cannot_be_a_draft_fails_the_session(whole: StageModel, tokens, fields, reason: str):
    async with asking(whole) as asker:
        await asker.ask(*PROMPT)
        answer = await asker.ask(*tokens, **fields)
        assert isinstance(answer, Failed)
        assert reason in answer.reason


async def test_a_batch_takes_no_drafts(whole: StageModel):
    async with asking(whole, padding=(0, 0)) as asker:
        answer = await asker.ask(1, 2, 3, 4, shape=(2, 2), drafts=(2,))
        assert isinstance(answer, Failed)
        assert "has 1 drafts" in answer.reason


async def test_a_cache_that_cannot_go_back_takes_no_drafts():
    (stage,) = stages_of("gemma2", 1)
    async with asking(stage) as asker:
        await asker.ask(*PROMPT)
        answer = await asker.ask(1, 2, drafts=(2,))
        assert isinstance(answer, Failed)
        assert "cannot take back" in answer.reason


async def test_steps_with_drafts_count_as_steps_of_decoding(whole: StageModel):
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 1.0
        return now

    pace = PaceCounter(clock)
    async with asking(whole, pace, max_context=64) as asker:
        await asker.ask(*PROMPT)
        for place in range(BLOCK_STEPS):
            await asker.ask(1, 2, start=len(PROMPT) + place, drafts=(2,))
    assert [block.rows for block in pace.blocks()] == [BLOCK_STEPS]
    assert pace.prompt_rows == len(PROMPT)


async def test_targets_are_weighed_and_taken_back(whole: StageModel):
    async with asking(whole) as asker:
        first = await asker.ask(*PROMPT, targets=((1, 2),))
        assert isinstance(first, Scored)
        (alone,) = array("d", asker.payload)
        assert alone < 0
        assert isinstance(await asker.ask(*PROMPT, 9, targets=((3,),), start=0), Scored)
        assert isinstance(await asker.ask(*PROMPT, targets=((1, 2),), start=0), Scored)
        assert array("d", asker.payload)[0] == pytest.approx(alone, abs=1e-5)
        answer = await asker.ask(*PROMPT, start=0)
        assert isinstance(answer, Tokens)
        assert isinstance(await asker.ask(9, start=0), Failed)


@pytest.mark.parametrize(
    ("tokens", "fields", "reason"),
    [
        ((1, 2), {"targets": ((1,), (2,))}, "has 2 rows of targets"),
        ((1, 2), {"targets": ((1, 2, 3),)}, "up to 3"),
        ((1, 2), {"targets": ((),)}, "up to 0"),
        ((1, 2), {"targets": ((1,),), "more": True}, "1 rows of targets"),
        ((1, 2), {"targets": ((1,),), "drafts": (2,)}, "1 rows of targets"),
        ((1, 2), {"targets": ((128,),)}, "Error"),
        ((1, 2), {"targets": ((1 << 50,),)}, "Error"),
    ],
)
async def test_what_cannot_be_a_target_fails_the_session(whole: StageModel, tokens, fields, reason: str):
    async with asking(whole) as asker:
        await asker.ask(*PROMPT)
        answer = await asker.ask(*tokens, **fields)
        assert isinstance(answer, Failed)
        assert reason in answer.reason
