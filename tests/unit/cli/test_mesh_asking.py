"""Whoever answers the questions of browsers keeps the same promises: a made-up answerer and the real ones."""

from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.cli.mesh_asking import FleetAnswers
from strata.errors import StrataError
from strata.inference import GenerationParams, generate_locally
from strata.mesh import Answered
from strata.settings import Settings
from tests.support.fleet import fleet_of, tokenizer_with_words
from tests.support.hosts import run
from tests.support.nodes import tiny_llama

PROMPT = "tell me a story"
CONTEXT = 64


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("model")
    tiny_llama(folder)
    tokenizer_with_words(folder)
    return folder


@asynccontextmanager
async def made_up(model: Path, folder: Path):
    """Says what the model says, and needs no nodes."""

    async def ask(prompt, most_tokens, on_text) -> Answered:
        said = generate_locally(model, [prompt], GenerationParams(max_new_tokens=most_tokens, context=CONTEXT))
        for number, word in enumerate(said.text[0].split(" ")):
            await trio.lowlevel.checkpoint()
            on_text(word if number == 0 else f" {word}")
        return Answered(said.tokens, 0.1)

    yield ask


@asynccontextmanager
async def fleet(model: Path, folder: Path, *, sharding: bool = True):
    async with fleet_of(folder, ["anna", "bob"]) as there:
        url = f"sqlite:///{folder}/ledger.sqlite"
        settings = Settings(
            STRATA_HOME=there.home, STRATA_LEDGER_URL=url, DISTRIBUTED_INFERENCE_SHARDING_ENABLED=sharding
        )
        yield FleetAnswers(model, there.mesh, there.home / "identity.json", lambda: settings, context=CONTEXT)


@asynccontextmanager
async def one_process(model: Path, folder: Path):
    async with fleet(model, folder, sharding=False) as ask:
        yield ask


anybody = pytest.mark.parametrize("answerer", [made_up, fleet, one_process], ids=["made up", "fleet", "one process"])


@anybody
def test_the_pieces_are_the_answer_in_at_most_so_many_tokens(answerer, model, tmp_path) -> None:
    expected = generate_locally(model, [PROMPT], GenerationParams(max_new_tokens=7)).text[0]

    async def test() -> None:
        async with answerer(model, tmp_path) as ask:
            for _ in range(2):
                pieces: list[str] = []
                answered = await ask(PROMPT, 7, pieces.append)
                assert "".join(pieces) == expected
                assert len(pieces) <= 7 + 1
                assert answered.tokens == 7
                assert answered.seconds > 0

    run(test)


@anybody
def test_a_question_that_is_taken_back_is_computed_no_further_and_the_next_is_answered(
    answerer, model, tmp_path
) -> None:
    async def test() -> None:
        async with answerer(model, tmp_path) as ask:
            pieces: list[str] = []
            with trio.CancelScope() as scope:

                def stop(piece: str) -> None:
                    pieces.append(piece)
                    scope.cancel()

                await ask(PROMPT, 50, stop)
            assert scope.cancelled_caught
            assert 1 <= len(pieces) < 5
            assert (await ask(PROMPT, 3, pieces.append)).tokens == 3

    run(test)


@anybody
def test_what_cannot_be_answered_is_refused_in_words(answerer, model, tmp_path) -> None:
    async def test() -> None:
        async with answerer(model, tmp_path) as ask:
            with pytest.raises(StrataError, match=r"context|tokens"):
                await ask("a " * CONTEXT, 50, lambda piece: None)

    run(test)


def test_flags_are_read_for_each_question(model, tmp_path) -> None:
    async def test() -> None:
        async with fleet(model, tmp_path) as ask:
            now, placed = ask.settings(), []
            for change in ({}, {"cross_node_optimiser": False}, {"inference_sharding": False}, {}):
                changed = now.model_copy(update=change)
                ask.settings = lambda changed=changed: changed
                await ask(PROMPT, 2, lambda piece: None)
                placed.append(ask._plan[1])
            assert placed == [True, False, False, True], "without sharding nothing is placed"

    run(test)


def test_layers_are_placed_anew_only_after_a_failure_or_with_other_nodes(model, tmp_path) -> None:
    async def test() -> None:
        async with fleet(model, tmp_path) as ask:
            await ask(PROMPT, 2, lambda piece: None)
            placed = ask._plan
            await ask(PROMPT, 2, lambda piece: None)
            assert ask._plan is placed
            with pytest.raises(StrataError):
                await ask("a " * CONTEXT, 50, lambda piece: None)
            assert ask._plan is None

    run(test)
