import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.run.text import NoTokenizer, TemplateRefused, Texts, TextStream
from tests.support.nodes import tiny_tokenizer


class Bytes:
    """A tokenizer of bytes that drops a leading space, as SentencePiece does: the hardest case for streaming."""

    def decode(self, tokens: list[int]) -> str:
        return bytes(tokens).decode(errors="replace").removeprefix(" ")


@given(st.text(max_size=30))
def test_pieces_join_to_the_whole_text(text: str) -> None:
    stream = TextStream(Bytes())  # type: ignore[arg-type]
    tokens = list(text.encode())
    pieces = [stream.push(token) for token in tokens]
    assert "".join(pieces) + stream.finish() == Bytes().decode(tokens)


def test_a_character_of_several_tokens_comes_whole() -> None:
    stream = TextStream(Bytes())  # type: ignore[arg-type]
    assert [stream.push(token) for token in "a🙂b".encode()] == ["a", "", "", "", "🙂", "b"]


def test_an_incomplete_character_at_the_end_is_shown_as_such() -> None:
    stream = TextStream(Bytes())  # type: ignore[arg-type]
    assert [stream.push(token) for token in "é".encode()[:1]] == [""]
    assert stream.finish() == "\N{REPLACEMENT CHARACTER}"
    assert stream.finish() == ""


def test_a_model_without_tokenizer_takes_and_gives_token_ids(tmp_path: Path) -> None:
    texts = Texts(tmp_path)
    assert texts.encode([[1, 2], [3]], chat=True) == [[1, 2], [3]]
    assert texts.decode([1]) == ""
    with pytest.raises(NoTokenizer):
        texts.encode(["hello"], chat=True)


@pytest.mark.parametrize(
    ("files", "stop"),
    [
        ({}, frozenset()),
        ({"config.json": {"eos_token_id": 3}}, {3}),
        ({"config.json": {"eos_token_id": 3}, "generation_config.json": {"eos_token_id": [4, 5]}}, {4, 5}),
        ({"config.json": {"eos_token_id": 3}, "generation_config.json": {"eos_token_id": None}}, {3}),
    ],
)
def test_stop_tokens_are_those_that_generate_takes(tmp_path: Path, files: dict, stop: set[int]) -> None:
    for name, content in files.items():
        (tmp_path / name).write_text(json.dumps(content))
    assert Texts(tmp_path).stop == stop


def test_smollm2_streams_what_it_decodes(smollm2: Path) -> None:
    texts = Texts(smollm2)
    text = "Où est la gare ? 北京 🙂🙃 naïve café — done."
    tokens = texts.encode([text], chat=False)[0]
    stream = TextStream(texts)
    assert "".join(map(stream.push, tokens)) + stream.finish() == text
    assert texts.stop == {2}
    (chat,) = texts.encode(["Hello"], chat=True)
    rendered = texts.tokenizer.decode(chat)
    assert "<|im_start|>user\nHello<|im_end|>" in rendered
    assert rendered.endswith("<|im_start|>assistant\n")


def test_a_tokenizer_is_kept_until_its_files_change(tmp_path: Path) -> None:
    file = tmp_path / "tokenizer_config.json"
    assert Texts.of(tmp_path) is Texts.of(tmp_path)
    before = Texts.of(tmp_path)
    file.write_text("not a tokenizer")
    with pytest.raises(ValueError, match=r"tokenizer|JSON|Expecting"):
        Texts.of(tmp_path)
    file.unlink()
    assert Texts.of(tmp_path) is before


CONVERSATION = [
    {"role": "system", "content": "Be brief."},
    {"role": "user", "content": "Hello"},
    {"role": "assistant", "content": "Hi."},
    {"role": "user", "content": "Why?"},
]


def test_a_conversation_is_put_into_the_template(smollm2: Path) -> None:
    texts = Texts(smollm2)
    assert texts.tokenizer.decode(texts.converse(CONVERSATION)) == (
        "<|im_start|>system\nBe brief.<|im_end|>\n<|im_start|>user\nHello<|im_end|>\n"
        "<|im_start|>assistant\nHi.<|im_end|>\n<|im_start|>user\nWhy?<|im_end|>\n<|im_start|>assistant\n"
    )
    (alone,) = texts.encode(["Hello"], chat=True)
    assert texts.converse([{"role": "user", "content": "Hello"}]) == alone


def test_without_a_template_the_contents_follow_each_other(tmp_path: Path) -> None:
    tiny_tokenizer(tmp_path)
    texts = Texts(tmp_path)
    turns = [{"role": "user", "content": "tell me"}, {"role": "assistant", "content": "a story"}]
    assert texts.converse(turns) == texts.encode(["tell me a story"], chat=False)[0] == [1, 2, 3, 4]


def test_a_conversation_that_the_template_forbids_is_refused(tmp_path: Path) -> None:
    tiny_tokenizer(tmp_path)
    texts = Texts(tmp_path)
    texts.tokenizer.chat_template = "{{ raise_exception('the first one speaks last') }}"
    with pytest.raises(TemplateRefused, match="the first one speaks last"):
        texts.converse(CONVERSATION)


def test_a_conversation_needs_a_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(NoTokenizer):
        Texts(tmp_path).converse(CONVERSATION)


def test_a_special_token_among_others_costs_no_space(tmp_path: Path) -> None:
    tiny_tokenizer(tmp_path)
    texts = Texts(tmp_path)
    stream = TextStream(texts)
    tokens = [1, 0, 0, 2, 0]
    assert "".join(map(stream.push, tokens)) + stream.finish() == texts.decode(tokens) == "tell me"
