"""Answers of a real model: packing and batching change nothing, and what is wrong with a model is said."""

import shutil
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from strata.evolution.evaluate import ScoringFailed
from strata.evolution.evaluate.local import LocalScorer
from strata.evolution.suites import DOMAINS, draw

FOLDER = Path(__file__).parents[4] / "data" / "evolution" / "base"
ITEMS = [item for domain in DOMAINS for item in draw(domain, "search", 0, 9, 3)]
QUESTIONS = [(item.prompt, [choice + item.stop for choice in item.choices]) for item in ITEMS]
QUESTIONS += [("rot(abcd)=", ["bcda", "b", "bcda;bcda;", "dcba;"]), ("next(", ["1"])]


@pytest.fixture(scope="module")
def scorer() -> LocalScorer:
    return LocalScorer(FOLDER)


@pytest.fixture(scope="module")
def plain() -> list[list[float]]:
    """By transformers alone, a prompt with one option at a time."""
    tokenizer, model = AutoTokenizer.from_pretrained(FOLDER), AutoModelForCausalLM.from_pretrained(FOLDER).eval()

    @torch.inference_mode()
    def one(prompt: str, option: str) -> float:
        before, after = tokenizer(prompt)["input_ids"], tokenizer(option)["input_ids"]
        logits = model(torch.tensor([before + after])).logits[0].log_softmax(-1)
        return sum(float(logits[len(before) - 1 + place, token]) for place, token in enumerate(after))

    return [[one(prompt, option) for option in options] for prompt, options in QUESTIONS]


def test_packed_answers_are_the_plain_ones(scorer: LocalScorer, plain: list[list[float]]):
    for found, expected in zip(scorer.log_likelihoods(QUESTIONS), plain, strict=True):
        assert found == pytest.approx(expected, abs=1e-4)


@pytest.mark.parametrize("options", [{"packed": False}, {"most_tokens": 1}, {"most_tokens": 100}])
def test_how_they_are_batched_changes_nothing(plain: list[list[float]], options: dict[str, int]):
    for found, expected in zip(LocalScorer(FOLDER, **options).log_likelihoods(QUESTIONS), plain, strict=True):
        assert found == pytest.approx(expected, abs=1e-4)


def test_writing_is_transformers_greedy_decoding(scorer: LocalScorer):
    tokenizer, model = AutoTokenizer.from_pretrained(FOLDER), AutoModelForCausalLM.from_pretrained(FOLDER).eval()
    prompts = [item.prompt for item in ITEMS[::4]]
    expected = []
    for prompt in prompts:
        ids = tokenizer(prompt, return_tensors="pt")["input_ids"]
        out = model.generate(ids, attention_mask=torch.ones_like(ids), max_new_tokens=12, do_sample=False)
        expected.append(tokenizer.decode(out[0, ids.shape[1] :], skip_special_tokens=True))
    found = scorer.generate(prompts, [""] * len(prompts), 12)
    assert found == expected
    assert any(found)
    letter = next(text for text in found if text)[-1]
    assert scorer.generate(prompts, [letter] * len(prompts), 12) == [text.partition(letter)[0] for text in found]


def broken(folder: Path, change: str) -> Path:
    shutil.copytree(FOLDER, folder)
    weights = load_file(folder / "model.safetensors")
    if change == "nan":
        weights["model.norm.weight"][0] = float("nan")
    save_file(weights, folder / "model.safetensors", {"format": "pt"})
    return folder


def test_numbers_that_are_none_are_a_failure(tmp_path: Path):
    scorer = LocalScorer(broken(tmp_path / "model", "nan"))
    with pytest.raises(ScoringFailed, match="not finite"):
        scorer.log_likelihoods(QUESTIONS)
    with pytest.raises(ScoringFailed, match="not finite"):
        scorer.generate(["next("], [""], 4)


def test_what_does_not_load_and_what_does_not_fit(tmp_path: Path, scorer: LocalScorer):
    with pytest.raises(ScoringFailed, match="cannot load the model"):
        LocalScorer(tmp_path)
    (tmp_path / "cut").mkdir()
    for file in FOLDER.iterdir():
        (tmp_path / "cut" / file.name).write_bytes(file.read_bytes()[:100_000])
    with pytest.raises(ScoringFailed, match="cannot load the model"):
        LocalScorer(tmp_path / "cut")
    with pytest.raises(ScoringFailed, match="129 tokens, the model takes 128"):
        scorer.log_likelihoods([("a" * 126, ["bcd", "b"])])
    with pytest.raises(ScoringFailed, match="no tokens"):
        scorer.log_likelihoods([("a", ["b", ""])])
    assert scorer.log_likelihoods([]) == []
