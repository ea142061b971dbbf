"""A model in this process, loaded by transformers, as a scorer.

The options of a question share its prompt's tokens: prompt and options are one row, whose 4D mask lets each option see
the prompt and itself only, at the positions it would have alone. Rows of about the same length make a batch.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from strata.evolution.evaluate.batching import MOST_TOKENS, batch_tokens
from strata.evolution.evaluate.scorer import ScoringFailed
from strata.evolution.evaluate.texts import Texts
from strata.evolution.models import quietly


@dataclass(frozen=True)
class _Row:
    """A question or a part of it: token ids of the prompt and of options. `place`: of its question, and of its first
    option among that question's."""

    place: tuple[int, int]
    prompt: list[int]
    options: list[list[int]]

    @property
    def length(self) -> int:
        return len(self.prompt) + sum(map(len, self.options))


class LocalScorer:
    """A causal language model of a folder, in float32, on one thread unless torch is told otherwise.

    `packed`: answer all options of a question in one row; else each is a row of its own (for models whose attention
    takes no 4D mask). Raises ScoringFailed for what transformers cannot load.
    """

    def __init__(self, folder: Path, *, packed: bool = True, most_tokens: int = MOST_TOKENS) -> None:
        from transformers import AutoModelForCausalLM

        try:
            with quietly():
                model: Any = AutoModelForCausalLM.from_pretrained(
                    folder,
                    local_files_only=True,
                    use_safetensors=True,  # others' files are not unpickled
                    dtype=torch.float32,
                    attn_implementation="sdpa",
                )
        except Exception as error:  # transformers, tokenizers and safetensors raise whatever they like
            raise ScoringFailed(f"cannot load the model in {folder}: {error}") from error
        context: int = getattr(model.config, "max_position_embeddings", 1 << 30)
        self._texts = Texts(folder, context)
        self._ends = self._texts.ends
        self._model = model.eval()
        self._packed = packed
        self._most_tokens = batch_tokens(model.config.vocab_size, most_tokens)

    def log_likelihoods(self, questions: Sequence[tuple[str, Sequence[str]]]) -> list[list[float]]:
        """See `Scorer`."""
        rows = [
            _Row((place, 0), prompt, options)
            for place, (prompt, options) in enumerate(self._texts.questions(questions))
        ]
        found = [[0.0] * len(options) for _, options in questions]
        if not self._packed:
            rows = [
                _Row((row.place[0], number), row.prompt, [option])
                for row in rows
                for number, option in enumerate(row.options)
            ]
        for batch in _batches(rows, self._most_tokens):
            for row, values in zip(batch, self._score(batch), strict=True):
                place, first = row.place
                found[place][first : first + len(values)] = values
        return found

    def generate(self, prompts: Sequence[str], stops: Sequence[str], most_tokens: int) -> list[str]:
        """See `Scorer`; one prompt at a time."""
        return [self._write(prompt, stop, most_tokens) for prompt, stop in zip(prompts, stops, strict=True)]

    @torch.inference_mode()
    def _score(self, batch: Sequence[_Row]) -> list[list[float]]:
        tokens, positions, mask = _pack(batch)
        owners, sources, targets, lengths = _targets(batch)
        # Only what some row needs is multiplied by the vocabulary.
        kept, places = torch.unique(sources, return_inverse=True)
        logits = self._model(
            input_ids=tokens, position_ids=positions, attention_mask=mask, use_cache=False, logits_to_keep=kept
        ).logits
        chosen = logits[owners, places]
        values = chosen.gather(1, targets[:, None])[:, 0] - chosen.logsumexp(1)
        sums = torch.stack([part.sum() for part in values.double().split(lengths)])
        if not torch.isfinite(sums).all():
            raise ScoringFailed("the model's logits are not finite")
        flat = iter(sums.tolist())
        return [[next(flat) for _ in row.options] for row in batch]

    @torch.inference_mode()
    def _write(self, prompt: str, stop: str, most_tokens: int) -> str:
        tokens, room = self._texts.prompt(prompt)
        written: list[int] = []
        text = ""
        cache, step = None, torch.tensor([tokens])
        for _ in range(min(most_tokens, room)):
            out = self._model(input_ids=step, past_key_values=cache, use_cache=True)
            last = out.logits[0, -1]
            if not torch.isfinite(last).all():
                raise ScoringFailed("the model's logits are not finite")
            token = int(last.argmax())
            if token in self._ends:
                break
            written.append(token)
            text = self._texts.decode(written)
            if stop and stop in text:
                return text[: text.index(stop)]
            cache, step = out.past_key_values, torch.tensor([[token]])
        return text


def _batches(rows: list[_Row], most_tokens: int) -> Iterator[list[_Row]]:
    """Rows of similar length together, so that little is padding."""
    batch: list[_Row] = []
    for row in sorted(rows, key=lambda row: (row.length, row.place)):
        if batch and (len(batch) + 1) * row.length > most_tokens:
            yield batch
            batch = []
        batch.append(row)
    if batch:
        yield batch


def _pack(batch: Sequence[_Row]) -> tuple[Tensor, Tensor, Tensor]:
    """Token ids and positions, both rows x length, and what each token sees: rows x 1 x length x length."""
    width = max(row.length for row in batch)
    tokens = torch.zeros(len(batch), width, dtype=torch.long)
    positions = torch.zeros(len(batch), width, dtype=torch.long)
    # The part of each token: 0 for the prompt, 1, 2, ... for the options, -1 for padding.
    parts = torch.full((len(batch), width), -1, dtype=torch.long)
    for number, row in enumerate(batch):
        start = len(row.prompt)
        ids, places, owners = list(row.prompt), list(range(start)), [0] * start
        for owner, option in enumerate(row.options, start=1):
            ids += option
            places += range(start, start + len(option))
            owners += [owner] * len(option)
        tokens[number, : row.length] = torch.tensor(ids)
        positions[number, : row.length] = torch.tensor(places)
        parts[number, : row.length] = torch.tensor(owners)
    before = torch.ones(width, width, dtype=torch.bool).tril()
    seen = before & ((parts[:, None, :] == 0) | (parts[:, None, :] == parts[:, :, None]))
    mask = torch.zeros(seen.shape).masked_fill_(~seen, torch.finfo(torch.float32).min)
    return tokens, positions, mask[:, None]


def _targets(batch: Sequence[_Row]) -> tuple[Tensor, Tensor, Tensor, list[int]]:
    """Of each answer's tokens: the row, the position that predicts it, which it is; and each answer's length."""
    owners: list[int] = []
    sources: list[int] = []
    targets: list[int] = []
    lengths: list[int] = []
    for number, row in enumerate(batch):
        start = last = len(row.prompt)
        for option in row.options:
            # The first token of every option is predicted by the prompt's last one.
            sources += [last - 1, *range(start, start + len(option) - 1)]
            owners += [number] * len(option)
            targets += option
            lengths.append(len(option))
            start += len(option)
    return torch.tensor(owners), torch.tensor(sources), torch.tensor(targets), lengths
