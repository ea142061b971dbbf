"""Between text and tokens: the model's own tokenizer, its chat template, its stop tokens, and streaming."""

import json
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from jinja2 import TemplateError

from strata.errors import StrataError

_REPLACEMENT = "\N{REPLACEMENT CHARACTER}"
_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "tokenizer.model")


class NoTokenizer(StrataError):
    """The model folder has no tokenizer, so it takes and gives token ids only."""


class TemplateRefused(StrataError):
    """The model's chat template does not take such a conversation."""


class Texts:
    """The tokenizer of the model in folder `path`."""

    @classmethod
    def of(cls, path: Path) -> "Texts":
        """The same, kept for the next time (loading takes some tenths of a second) until one of its files changes."""
        files = [file for name in _TOKENIZER_FILES if (file := path / name).is_file()]
        return _kept(path.resolve(), tuple((stat.st_mtime_ns, stat.st_size) for stat in map(Path.stat, files)))

    def __init__(self, path: Path) -> None:
        self._path = path
        self.tokenizer: Any = None
        if any((path / name).is_file() for name in _TOKENIZER_FILES):
            from transformers import AutoTokenizer

            self.tokenizer = AutoTokenizer.from_pretrained(path, local_files_only=True)

    def encode(self, prompts: Sequence[str] | Sequence[Sequence[int]], *, chat: bool) -> list[list[int]]:
        """Token ids of each prompt; with `chat`, a text is put as the user's turn into the model's chat template.

        Prompts that are token ids already are left as they are. Raises NoTokenizer.
        """
        return [self._encode(prompt, chat) if isinstance(prompt, str) else list(prompt) for prompt in prompts]

    def converse(self, turns: Sequence[Mapping[str, str]]) -> list[int]:
        """Token ids of a conversation in the model's chat template, up to where the model's answer begins.

        turns: {"role": "system", "user" or "assistant", "content": text}. Without a template, the contents one after
        the other, an empty line between them. Raises NoTokenizer, TemplateRefused.
        """
        if self.tokenizer is None:
            raise NoTokenizer(f"{self._path} has no tokenizer")
        if not self.tokenizer.chat_template:
            return self._encode("\n\n".join(turn["content"] for turn in turns), chat=False)
        try:
            encoded = self.tokenizer.apply_chat_template(
                list(map(dict, turns)), add_generation_prompt=True, return_dict=True
            )
        except TemplateError as error:
            raise TemplateRefused(f"the model's chat template does not take this conversation: {error}") from error
        return list(encoded["input_ids"])

    def _encode(self, prompt: str, chat: bool) -> list[int]:
        if chat:
            return self.converse([{"role": "user", "content": prompt}])
        if self.tokenizer is None:
            raise NoTokenizer(f"{self._path} has no tokenizer")
        return list(self.tokenizer(prompt)["input_ids"])

    def decode(self, tokens: Sequence[int]) -> str:
        """The text of `tokens` without special tokens; "" where there is no tokenizer."""
        if self.tokenizer is None:
            return ""
        text: str = self.tokenizer.decode(tokens, skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    @property
    def pad(self) -> int:
        """What to fill up shorter rows with; it is masked, so any token does."""
        pad = getattr(self.tokenizer, "pad_token_id", None)
        return int(pad) if pad is not None else 0

    @property
    def stop(self) -> frozenset[int]:
        """The tokens that end an answer: as `generate` has them from generation_config.json, else the config's or the
        tokenizer's.
        """
        for name in ("generation_config.json", "config.json"):
            try:
                found = json.loads((self._path / name).read_bytes()).get("eos_token_id")
            except (OSError, ValueError, AttributeError):
                continue
            if found is not None:
                return frozenset(found if isinstance(found, list) else [found])
        eos = getattr(self.tokenizer, "eos_token_id", None)
        return frozenset() if eos is None else frozenset([eos])


@lru_cache(maxsize=4)
def _kept(path: Path, _stamps: tuple[tuple[int, int], ...]) -> Texts:
    return Texts(path)


class TextStream:
    """Turns one row's tokens into text as they come, holding back what is not yet a whole character.

    Tokens are decoded together with those before them, because a tokenizer may write a token otherwise at the start of
    a text (SentencePiece drops the space there).
    """

    def __init__(self, texts: Texts) -> None:
        self._texts = texts
        self._tokens: list[int] = []
        self._start = self._read = 0

    def push(self, token: int) -> str:
        """The text that `token` completes, often "" within a character of several tokens."""
        self._tokens.append(token)
        new = self._pending()
        # A special token has no text; the next one is decoded with what came before it, so that no space is lost.
        if not new or new.endswith(_REPLACEMENT):
            return ""
        self._start, self._read = self._read, len(self._tokens)
        return new

    def finish(self) -> str:
        """What was held back: an incomplete character at the very end."""
        new = self._pending()
        self._start = self._read = len(self._tokens)
        return new

    def _pending(self) -> str:
        known = self._texts.decode(self._tokens[self._start : self._read])
        return self._texts.decode(self._tokens[self._start :])[len(known) :]
