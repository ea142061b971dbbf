"""What every fleet does: the real one over nodes with a tiny model, and the scripted one that other tests go by."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest
import trio

from strata.api import Fleet, Piece, Prompt, Turn
from strata.api.routes.planned import Decided, Planned
from strata.errors import StrataError
from strata.inference import NotMeasured
from tests.support.opened_fleet import FLEETS, tiny_model
from tests.support.scripted_fleet import CONTEXT, NAME

pytestmark = pytest.mark.anyio

Opened = Callable[..., AbstractAsyncContextManager[Fleet]]
TELL = Prompt(NAME, text="tell me a story", max_new_tokens=12)
CHAT = replace(TELL, text="", turns=(Turn("system", "tell"), Turn("user", "me a story")))
DRAWN = replace(TELL, temperature=1.0, seed=3)


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model(tmp_path_factory.mktemp("models"))


@pytest.fixture(params=FLEETS)
def opened(request: pytest.FixtureRequest, tmp_path: Path, model: Path) -> Opened:
    return partial(FLEETS[request.param], tmp_path, model)


async def _pieces(fleet: Fleet, prompt: Prompt) -> list[Piece]:
    with trio.fail_after(30):
        async with fleet.answer(prompt) as pieces:
            return [piece async for piece in pieces]


async def _text(fleet: Fleet, prompt: Prompt) -> str:
    return "".join(piece.text for piece in await _pieces(fleet, prompt))


async def test_an_answer_comes_in_pieces_of_which_the_last_counts(opened: Opened) -> None:
    async with opened() as fleet:
        (listed,) = fleet.models()
        assert (listed.name, listed.context) == (NAME, CONTEXT)
        for prompt in (TELL, CHAT):
            *pieces, last = await _pieces(fleet, prompt)
            assert [piece.finish for piece in pieces] == [None] * len(pieces)
            assert (last.finish, last.prompt_tokens, last.tokens) == ("length", 4, 12)
            assert last.figures["seconds"] >= 0
            assert len("".join(piece.text for piece in [*pieces, last]).split()) == 12


async def test_the_same_is_said_again_alone_or_among_others(opened: Opened) -> None:
    prompts = [TELL, CHAT, DRAWN, replace(DRAWN, seed=4), replace(TELL, text="a story"), replace(TELL, text="me")]
    async with opened() as fleet:
        alone = [await _text(fleet, prompt) for prompt in prompts]
        again = [""] * len(prompts)

        async def ask(index: int) -> None:
            again[index] = await _text(fleet, prompts[index])

        async with trio.open_nursery() as nursery:
            for index in range(len(prompts)):
                nursery.start_soon(ask, index)
    assert again == alone
    assert alone[2] != alone[3]


async def test_an_answer_ends_before_a_text_to_stop_at(opened: Opened) -> None:
    async with opened() as fleet:
        words = (await _text(fleet, TELL)).split()
        stop = f" {words[3]} {words[4]}"
        *pieces, last = await _pieces(fleet, replace(TELL, stop=("none of them", stop)))
        said = "".join(piece.text for piece in [*pieces, last])
        assert said == " ".join(words)[: " ".join(words).find(stop)]
        assert last.finish == "stop"
        assert last.tokens < TELL.max_new_tokens


async def test_the_context_bounds_prompt_and_answer(opened: Opened) -> None:
    async with opened() as fleet:
        *_, last = await _pieces(fleet, replace(TELL, max_new_tokens=10 * CONTEXT))
        assert (last.finish, last.prompt_tokens + last.tokens) == ("length", CONTEXT)


@pytest.mark.parametrize(
    "prompt",
    [replace(TELL, model="another"), replace(TELL, text="word " * CONTEXT), replace(TELL, text="")],
    ids=["model", "long", "empty"],
)
async def test_what_cannot_be_answered_is_refused_at_the_door(opened: Opened, prompt: Prompt) -> None:
    async with opened() as fleet:
        with pytest.raises(StrataError):
            async with fleet.answer(prompt):
                pytest.fail("it was let in")


async def test_leaving_ends_the_work_on_the_nodes(opened: Opened) -> None:
    async with opened() as fleet:
        async with fleet.answer(replace(TELL, max_new_tokens=CONTEXT)) as pieces:
            first = await anext(aiter(pieces))
            assert first.finish is None
        assert [state.figures["sessions"] for state in await fleet.nodes()] == [0, 0]
        assert await _text(fleet, TELL)


async def test_an_error_of_the_reader_is_raised_as_itself(opened: Opened) -> None:
    async def read(fleet: Fleet) -> None:
        async with fleet.answer(TELL) as pieces:
            await anext(aiter(pieces))
            raise KeyError("his own")

    async with opened() as fleet:
        with pytest.raises(KeyError, match="his own"):
            await read(fleet)


async def test_waiting_for_a_piece_can_be_cancelled_and_begun_again(opened: Opened) -> None:
    async with opened() as fleet:
        whole, said = await _text(fleet, TELL), ""
        async with fleet.answer(TELL) as pieces:
            iterator: AsyncIterator[Piece] = aiter(pieces)
            last: Piece | None = Piece("")
            while last is not None:
                with trio.move_on_after(0) as hurried:
                    last = await anext(iterator, None)
                if hurried.cancelled_caught:
                    last = await anext(iterator, None)
                said += last.text if last is not None else ""
    assert said == whole


async def test_the_nodes_say_how_they_are(opened: Opened) -> None:
    async with opened() as fleet:
        states = await fleet.nodes()
        assert [(state.name, state.reachable) for state in states] == [("a", True), ("b", True)]
        assert sorted(layer for state in states for layer in state.layers or ()) == [0, 2, 3, 4]
        assert all({"sessions", "memory_bytes"} <= set(state.figures) for state in states)


async def test_a_plan_says_where_the_layers_are_and_should_be(opened: Opened) -> None:
    async with opened() as fleet:
        document = await fleet.plan()
        assert {stage["node"] for stage in document["now"]["stages"]} == {"a", "b"}
        assert document["best"]["stages"]
        assert document["gain"] == pytest.approx(document["now"]["step_seconds"] / document["best"]["step_seconds"])
        assert document["sentence"]
        assert Planned.model_validate(document).model_dump(by_alias=True).keys() == document.keys()


async def test_the_optimiser_says_what_it_decided(opened: Opened) -> None:
    async with opened(DISTRIBUTED_INFERENCE_CROSS_NODE_OPT=True) as fleet:
        document = None
        with trio.fail_after(60):
            while document is None:  # it wants seconds of decoding, not tokens
                await _text(fleet, replace(TELL, max_new_tokens=CONTEXT))
                with suppress(NotMeasured):
                    document = await fleet.optimise(dry_run=True)
        assert document["dry_run"] is True
        assert document["decision"] in ("stay", "move")
        assert document["why"]
        assert document.keys() <= Decided.model_validate(document).model_dump().keys()
