"""Drafts change how many steps a text takes, and nothing else: not its tokens, its end, its logits or its stream."""

import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers.models.auto.configuration_auto import CONFIG_MAPPING

from strata.inference.decoder.sampling import SamplingParams
from strata.inference.decoder.tiny import shrink, tiny_model
from strata.inference.models.checkpoint import Checkpoint
from strata.inference.protocol.messages import MAX_DRAFTS
from strata.inference.run import generate
from strata.inference.run.concurrent import each
from strata.inference.run.drafting import PromptLookup
from strata.inference.run.generate import Generation, GenerationParams, GenerationResult
from strata.inference.run.incidents import RecordedFailures
from strata.inference.run.journal import Journal
from strata.inference.run.local import generate_locally
from strata.inference.run.running_remote import RemoteRun, is_answer
from strata.store import AnswerLog, IncidentLog, LedgerError
from tests.support.nodes import mesh_of, split, tiny_llama

PROMPT = [1, 2, 3, 4]
NEW = 24
GREEDY, DRAWN = SamplingParams(), SamplingParams(temperature=1.2, top_k=50, top_p=0.95, seed=7)


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("llama") / "model"
    tiny_llama(folder)
    return folder


class Knowing(PromptLookup):
    """Drafts that are the text that will come, but for an error here and there, so that every length is accepted."""

    def __init__(self, most: int, whole: Sequence[int], seed: int = 0) -> None:
        super().__init__(most)
        self.whole = list(whole)
        self._random = random.Random(seed)

    def draft(self, text: Sequence[int], room: int) -> tuple[int, ...]:
        length = min(room, self._most, self._random.randint(0, 9))
        drafts = self.whole[len(text) : len(text) + length]
        return tuple((token + (self._random.random() < 0.2)) % 256 for token in drafts)


def knowing(monkeypatch: pytest.MonkeyPatch, result: GenerationResult, prompt: Sequence[int], seed: int = 0) -> None:
    """Have generations guess what `result` says."""
    whole = [*prompt, *result.token_ids[0]]
    monkeypatch.setattr(generate, "PromptLookup", lambda most: Knowing(most, whole, seed))


@pytest.mark.anyio
@pytest.mark.parametrize("sampling", [GREEDY, DRAWN], ids=["greedy", "drawn"])
async def test_the_tokens_over_nodes_are_those_without_drafts(
    tmp_path: Path, llama: Path, sampling: SamplingParams, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint = Checkpoint.open(llama)
    plain = GenerationParams(max_new_tokens=NEW, sampling=sampling, want_logits=True)
    expected = generate_locally(llama, [PROMPT], plain)
    knowing(monkeypatch, expected, PROMPT)
    async with mesh_of(tmp_path, nodes=3) as mesh, mesh.connect() as coordinator:
        plan = split(llama, ["a", "b", "c"], [1, 3])
        await coordinator.distribute(checkpoint, plan)
        seen = []
        for most in (1, 4, MAX_DRAFTS):
            params = GenerationParams(max_new_tokens=NEW, sampling=sampling, want_logits=True, speculate=most)
            result = await coordinator.generate(checkpoint, plan, [PROMPT], params)
            assert result.token_ids == expected.token_ids
            assert torch.allclose(torch.cat(result.logits), torch.cat(expected.logits), atol=1e-4)
            seen.append((result.drafted, result.accepted))
        drafted, accepted = map(sum, zip(*seen, strict=True))
        assert 0 < accepted < drafted


@given(
    pattern=st.lists(st.integers(1, 255), min_size=1, max_size=6),
    times=st.integers(1, 6),
    most=st.integers(1, MAX_DRAFTS),
    seed=st.none() | st.integers(0, 99),
)
@settings(max_examples=15)
def test_the_tokens_of_repetitive_prompts_are_those_without_drafts(
    llama: Path, pattern: list[int], times: int, most: int, seed: int | None
) -> None:
    # Of two tokens each step, so that what has been said comes again, and not always.
    sampling = GREEDY if seed is None else SamplingParams(temperature=2.0, top_k=2, seed=seed)
    plain = GenerationParams(max_new_tokens=NEW, sampling=sampling)
    expected = generate_locally(llama, [pattern * times], plain)
    result = generate_locally(llama, [pattern * times], replace(plain, speculate=most))
    assert result.token_ids == expected.token_ids
    assert result.accepted <= result.drafted


@pytest.mark.parametrize("place", range(1, 6))
def test_a_stop_token_within_what_was_guessed_ends_the_text_there(
    llama: Path, place: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    free = generate_locally(llama, [PROMPT], GenerationParams(max_new_tokens=NEW))
    knowing(monkeypatch, free, PROMPT, seed=place)
    params = GenerationParams(max_new_tokens=NEW, stop=frozenset({free.token_ids[0][place]}), speculate=8)
    result = generate_locally(llama, [PROMPT], params)
    end = free.token_ids[0].index(free.token_ids[0][place])
    assert result.token_ids == [free.token_ids[0][: end + 1]]
    assert result.tokens == end + 1


@pytest.mark.parametrize("new", [1, 2, 3, 7])
@pytest.mark.parametrize("context", [None, 7])
def test_the_limits_of_a_text_hold(llama: Path, new: int, context: int | None, monkeypatch: pytest.MonkeyPatch) -> None:
    free = generate_locally(llama, [PROMPT], GenerationParams(max_new_tokens=NEW))
    knowing(monkeypatch, free, PROMPT)
    monkeypatch.setattr(Knowing, "draft", lambda lookup, text, room: tuple(lookup.whole[len(text) :][:room]))
    params = GenerationParams(max_new_tokens=new, context=context, speculate=MAX_DRAFTS)
    result = generate_locally(llama, [PROMPT], params)
    length = min(new, 7 - len(PROMPT)) if context else new
    assert result.token_ids == [free.token_ids[0][:length]]
    assert result.drafted == result.accepted == max(0, length - 2)


class Letters:
    """Texts whose tokens are letters."""

    stop, pad = frozenset({0}), 0

    def encode(self, prompts: Sequence[Sequence[int]], *, chat: bool) -> list[list[int]]:
        return [list(prompt) for prompt in prompts]

    def decode(self, tokens: Sequence[int]) -> str:
        return "".join(chr(96 + token) for token in tokens)


def test_accepted_tokens_are_shown_in_order_and_none_after_the_end() -> None:
    pieces: list[str] = []
    params = GenerationParams(max_new_tokens=9, speculate=4)
    generation = Generation(
        Letters(), [[1, 2, 3, 1]], params, on_text=lambda _, piece: pieces.append(piece), speculate=4
    )
    generation.start()
    assert generation.accept([2]) == [[2]]
    assert generation.draft() == (3, 1, 2, 3)
    assert generation.accept([3, 1, 5], (3, 1, 2, 3)) == [[5]]
    assert "".join(pieces) == "bcae"
    assert generation.accept([2, 0, 4], (2, 3)) == []
    result = generation.result([])
    assert result.token_ids == [[2, 3, 1, 5, 2, 0]]
    assert (result.drafted, result.accepted) == (6, 4)
    assert result.to_json()["drafted"] == 6


def test_nothing_is_guessed_beyond_a_stop_token_or_for_several_rows() -> None:
    params = GenerationParams(max_new_tokens=9, speculate=4)
    generation = Generation(Letters(), [[1, 2, 3, 0, 4, 1, 2]], params, speculate=4)
    assert generation.draft() == (3,)
    rows = Generation(Letters(), [[1, 2, 1, 2], [1, 2, 1, 2]], params, speculate=4)
    assert rows.draft() == ()
    assert rows.speculate == 0


@pytest.mark.anyio
async def test_an_answer_that_was_cut_off_may_go_on_with_drafts(tmp_path: Path) -> None:
    plain = GenerationParams(max_new_tokens=9)
    with AnswerLog(f"sqlite:///{tmp_path}/ledger.sqlite") as log:
        for params in (plain, replace(plain, speculate=4)):
            await Journal(log, "answer").take_up([Generation(Letters(), [[1, 2]], params)], params, "letters")
        other = replace(plain, max_new_tokens=8)
        with pytest.raises(LedgerError):
            await Journal(log, "answer").take_up([Generation(Letters(), [[1, 2]], other)], other, "letters")


@pytest.mark.parametrize("speculate", [-1, MAX_DRAFTS + 1])
def test_a_number_of_drafts_out_of_range_is_refused(speculate: int) -> None:
    with pytest.raises(ValueError, match=f"0 \\(off\\) to {MAX_DRAFTS}"):
        GenerationParams(speculate=speculate)


@pytest.mark.parametrize(
    ("ids", "rows", "drafts", "expected"),
    [
        ((1, 2), 2, (), True),
        ((1,), 2, (), False),
        ((1, 2), 1, (), False),
        ((9,), 1, (5, 6), True),
        ((5, 9), 1, (5, 6), True),
        ((5, 6, 9), 1, (5, 6), True),
        ((), 1, (5, 6), False),
        ((9, 6), 1, (5, 6), False),
        ((5, 6, 9, 9), 1, (5, 6), False),
    ],
)
def test_a_last_stage_may_keep_only_what_was_guessed(ids, rows: int, drafts, expected: bool) -> None:
    assert is_answer(ids, rows, drafts) == expected


@pytest.mark.anyio
async def test_a_model_that_cannot_go_back_is_decoded_without_drafts(tmp_path: Path) -> None:
    config = shrink(CONFIG_MAPPING["gemma2"]())
    tiny_model(config).save_pretrained(tmp_path / "gemma2")
    checkpoint = Checkpoint.open(tmp_path / "gemma2")
    params = GenerationParams(max_new_tokens=6, speculate=4, stop=frozenset())
    prompt = [5, 6, 7, 5, 6]
    alone = generate_locally(checkpoint.path, [prompt], params)
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        plan = split(checkpoint.path, ["a", "b"], [3])
        await coordinator.distribute(checkpoint, plan)
        result = await coordinator.generate(checkpoint, plan, [prompt], params)
    assert result.token_ids == alone.token_ids
    assert result.drafted == alone.drafted == 0


@pytest.mark.anyio
async def test_sessions_with_and_without_drafts_share_the_nodes(
    tmp_path: Path, llama: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, plain = Checkpoint.open(llama), GenerationParams(max_new_tokens=NEW, sampling=DRAWN)
    prompts = [[1, 2, 3, 4], [7, 8], [9, 8, 7], [3, 3], [100, 4, 5]]
    alone = [generate_locally(llama, [prompt], plain) for prompt in prompts]
    texts = {tuple(prompt): [*prompt, *result.token_ids[0]] for prompt, result in zip(prompts, alone, strict=True)}

    class Any(Knowing):
        def draft(self, text: Sequence[int], room: int) -> tuple[int, ...]:
            self.whole = next(whole for prompt, whole in texts.items() if tuple(text[: len(prompt)]) == prompt)
            return super().draft(text, room)

    monkeypatch.setattr(generate, "PromptLookup", lambda most: Any(most, ()))
    async with mesh_of(tmp_path, nodes=2) as mesh, mesh.connect() as coordinator:
        plan = split(llama, ["a", "b"], [2])
        await coordinator.distribute(checkpoint, plan)

        async def answer(index: int) -> GenerationResult:
            params = replace(plain, speculate=6 if index % 2 else 0)
            return await coordinator.generate(checkpoint, plan, [prompts[index]], params)

        results = await each(answer, range(len(prompts)))
    assert [result.token_ids for result in results] == [result.token_ids for result in alone]
    assert [result.accepted > 0 for result in results] == [bool(index % 2) for index in range(len(prompts))]


@pytest.mark.anyio
@pytest.mark.parametrize("victim", ["a", "c"])
async def test_a_node_that_dies_between_drafts_changes_nothing(
    tmp_path: Path, llama: Path, victim: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    checkpoint, plain = Checkpoint.open(llama), GenerationParams(max_new_tokens=NEW, sampling=DRAWN)
    expected = generate_locally(llama, [PROMPT], plain)
    knowing(monkeypatch, expected, PROMPT)
    wait_for_tokens, steps = RemoteRun._tokens, 0

    async def killing(run: RemoteRun, number: int, rows: int):
        nonlocal steps
        steps += 1
        if steps == 4:
            mesh.scopes[victim].cancel()
        return await wait_for_tokens(run, number, rows)

    monkeypatch.setattr(RemoteRun, "_tokens", killing)
    async with mesh_of(tmp_path, nodes=4) as mesh, mesh.connect() as coordinator:
        plan = split(llama, ["a", "b", "c"], [1, 3])
        await coordinator.distribute(checkpoint, plan)
        watcher = RecordedFailures(IncidentLog(f"sqlite:///{tmp_path}/ledger.sqlite"))
        params = replace(plain, speculate=5)
        result = await coordinator.generate(checkpoint, plan, [PROMPT], params, watcher=watcher)
    assert result.token_ids == expected.token_ids
    assert [recovery.node for recovery in result.recoveries] == [victim]
    assert result.accepted > 0
