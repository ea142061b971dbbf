"""Between the texts of items and a model's tokens: the same for every scorer, so that all give the same answers."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from strata.evolution.evaluate.scorer import ScoringFailed
from strata.evolution.models import quietly


class Texts:
    """The tokenizer of the model in a folder, which takes `context` tokens. Raises ScoringFailed where it has none."""

    def __init__(self, folder: Path, context: int) -> None:
        from transformers import AutoTokenizer

        try:
            with quietly():
                self._tokenizer: Any = AutoTokenizer.from_pretrained(folder, local_files_only=True)
        except Exception as error:  # transformers and tokenizers raise whatever they like
            raise ScoringFailed(f"cannot load the tokenizer in {folder}: {error}") from error
        self._folder, self._context = folder, context

    def questions(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[tuple[list[int], list[list[int]]]]:
        """Token ids of each prompt and of its options; raises ScoringFailed for what the model cannot take."""
        prompts = self._encode([prompt for prompt, _ in questions], start=True)
        options = iter(self._encode([option for _, options in questions for option in options]))
        found = [
            (prompt, [next(options) for _ in asked]) for prompt, (_, asked) in zip(prompts, questions, strict=True)
        ]
        for prompt, asked in found:
            if not prompt or not all(asked):
                raise ScoringFailed("a prompt or an option has no tokens")
            longest = len(prompt) + max(map(len, asked), default=0)
            if longest > self._context:
                raise ScoringFailed(f"a prompt with its answer is {longest} tokens, the model takes {self._context}")
        return found

    def prompt(self, text: str) -> tuple[list[int], int]:
        """Token ids of a prompt, and how many may follow; raises ScoringFailed where there is no room for one."""
        (tokens,) = self._encode([text], start=True)
        if not tokens or len(tokens) >= self._context:
            raise ScoringFailed(f"a prompt is {len(tokens)} tokens, the model takes 1 to {self._context - 1}")
        return tokens, self._context - len(tokens)

    def decode(self, tokens: Sequence[int]) -> str:
        """The text without special tokens."""
        return str(self._tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False))

    @property
    def ends(self) -> frozenset[int]:
        """The tokens that end an answer: those of the generation config or the config, and the tokenizer's own."""
        found: list[int] = []
        for name in ("generation_config.json", "config.json"):
            try:
                configured = json.loads((self._folder / name).read_bytes()).get("eos_token_id")
            except (OSError, ValueError, AttributeError, RecursionError):
                continue
            if configured is not None:
                found = configured if isinstance(configured, list) else [configured]
                break
        return frozenset(token for token in [*found, self._tokenizer.eos_token_id] if token is not None)

    def _encode(self, texts: Sequence[str], *, start: bool = False) -> list[list[int]]:
        """Token ids of each text; of all at once, which is several times as fast."""
        if not texts:
            return []
        encoded: list[list[int]] = self._tokenizer(list(texts), add_special_tokens=start)["input_ids"]
        end = self._tokenizer.eos_token_id
        if not start or end is None:
            return encoded
        # Some tokenizers end every text.
        return [
            ids[:-1] if ids and ids[-1] == end and not text.endswith(self._tokenizer.eos_token) else ids
            for ids, text in zip(encoded, texts, strict=True)
        ]
