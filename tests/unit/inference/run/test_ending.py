"""Why an answer is at its end, and texts that end it: the same on nodes, in one process, and in a batch."""

from dataclasses import replace
from pathlib import Path

import pytest

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.run.generate import GenerationParams
from strata.inference.run.journal import _request
from strata.inference.run.local import generate_locally
from tests.support.fleet import tokenizer_with_words
from tests.support.nodes import mesh_of, split, tiny_llama

pytestmark = pytest.mark.anyio

PROMPTS = ["tell me a story", "a story"]
PARAMS = GenerationParams(max_new_tokens=12, chat=False)


@pytest.fixture(scope="module")
def worded(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("worded") / "tiny"
    tiny_llama(folder)
    tokenizer_with_words(folder)
    return folder


def test_as_long_as_it_may_be_is_its_length(worded: Path) -> None:
    result = generate_locally(worded, PROMPTS, PARAMS)
    assert result.finish == ["length", "length"]


def test_a_token_to_stop_at_is_a_stop(worded: Path) -> None:
    whole = generate_locally(worded, PROMPTS[:1], PARAMS).token_ids[0]
    result = generate_locally(worded, PROMPTS[:1], replace(PARAMS, stop=frozenset(whole[4:5])))
    assert result.finish == ["stop"]
    assert result.token_ids == [whole[: whole.index(whole[4]) + 1]]


async def test_a_text_to_stop_at_ends_its_row_alone(worded: Path, tmp_path: Path) -> None:
    whole = generate_locally(worded, PROMPTS, PARAMS)
    words = whole.text[0].split()
    stop = f"{words[3]} {words[4]}"
    assert stop not in whole.text[1]
    params = replace(PARAMS, stop_texts=("nothing of it", stop))
    shown = ["", ""]

    def on_text(row: int, text: str) -> None:
        shown[row] += text

    alone = generate_locally(worded, PROMPTS, params, on_text)
    assert alone.finish == ["stop", "length"]
    assert alone.text == shown == [whole.text[0][: whole.text[0].find(stop)], whole.text[1]]
    assert alone.token_ids == [whole.token_ids[0][:5], whole.token_ids[1]]
    async with mesh_of(tmp_path) as mesh, mesh.connect() as coordinator:
        checkpoint, plan = Checkpoint.open(worded), split(worded, "ab", [2], batch=2)
        await coordinator.distribute(checkpoint, plan)
        spread = await coordinator.generate(checkpoint, plan, PROMPTS, params)
    assert (spread.token_ids, spread.text, spread.finish) == (alone.token_ids, alone.text, alone.finish)


def test_what_looked_like_a_beginning_is_shown_at_the_end(worded: Path) -> None:
    whole = generate_locally(worded, PROMPTS[:1], PARAMS)
    shown: list[str] = []
    params = replace(PARAMS, stop_texts=(whole.text[0][-6:] + " and no more",))
    result = generate_locally(worded, PROMPTS[:1], params, lambda _, text: shown.append(text))
    assert "".join(shown) == result.text[0] == whole.text[0]
    assert result.finish == ["length"]


def test_a_text_to_stop_at_is_some_text() -> None:
    with pytest.raises(ValueError, match="at least one character"):
        GenerationParams(stop_texts=("a", ""))


def test_an_answer_of_an_earlier_version_is_the_same_request() -> None:
    assert "stop_texts" not in _request([], PARAMS, "tiny")["params"]
    assert _request([], replace(PARAMS, stop_texts=("a",)), "tiny")["params"]["stop_texts"] == ["a"]
