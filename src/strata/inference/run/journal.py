"""An answer's tokens in the ledger while it is written, so that a coordinator that was killed can go on with it."""

from collections.abc import Sequence
from dataclasses import asdict
from itertools import islice
from typing import Any

import trio

from strata.inference.models.checkpoint import Checkpoint
from strata.inference.plan import Plan
from strata.inference.run.generate import Generation, GenerationParams
from strata.store import AnswerLog

SAVE_SECONDS = 0.5  # what was computed since the last time is computed again: it gives the same tokens


class Journal:
    """The answer of one name. `take_up` first, `keep` beside the run, and `finish` at its end.

    Prompts that are answered apart are one answer all the same: its rows are those of the generations, in order, each
    as far as it has come.
    """

    def __init__(self, log: AnswerLog, name: str) -> None:
        self._log = log
        self._name = name
        self._saved = 0

    async def take_up(self, generations: Sequence[Generation], params: GenerationParams, model: str) -> None:
        """Enter the answer, or feed the generations what an earlier run had written of it.

        model: a name that other models do not have. Raises LedgerError where the name stands for another request.
        """
        request = _request(generations, params, model)
        record = await trio.to_thread.run_sync(self._log.begin, self._name, request)
        rows = iter(record.tokens)
        for generation in generations:
            generation.decoding.restore(list(islice(rows, generation.decoding.batch)))
        self._saved = _accepted(generations)

    async def keep(self, generations: Sequence[Generation]) -> None:
        """Save now and then what is new, until cancelled."""
        while True:
            await trio.sleep(SAVE_SECONDS)
            if _accepted(generations) != self._saved:
                await self._save(generations, finished=False)

    async def finish(self, generations: Sequence[Generation]) -> None:
        """Save the whole answer."""
        await self._save(generations, finished=True)

    async def _save(self, generations: Sequence[Generation], *, finished: bool) -> None:
        accepted = _accepted(generations)
        tokens = [list(row) for generation in generations for row in generation.decoding.outputs]
        await trio.to_thread.run_sync(lambda: self._log.save(self._name, tokens, finished=finished))
        self._saved = accepted


def held_as(checkpoint: Checkpoint, plan: Plan) -> str:
    """What an answer's tokens depend on beside its prompt: an answer is gone on with by the same only."""
    words = [checkpoint.path.resolve().name, plan.dtype, plan.weights, plan.kv_cache and f"{plan.kv_cache} KV cache"]
    return " ".join(word for word in words if word is not None)


def _accepted(generations: Sequence[Generation]) -> int:
    return sum(generation.decoding.accepted for generation in generations)


def _request(generations: Sequence[Generation], params: GenerationParams, model: str) -> dict[str, Any]:
    """All that the tokens depend on."""
    asked = asdict(params)
    del asked["speculate"]
    if params.stop_texts:
        asked["stop_texts"] = list(params.stop_texts)
    else:
        del asked["stop_texts"]  # answers that were begun before there were any have none
    asked["stop"] = None if params.stop is None else sorted(params.stop)
    del asked["sampling"]["row"]  # rows are numbered in order, whoever computes them
    prompts = [row for generation in generations for row in generation.decoding.first_inputs]
    return {"model": model, "prompts": prompts, "params": asked}
