"""An answer's tokens in the ledger while it is written, so that a coordinator that was killed can go on with it."""

from dataclasses import asdict
from typing import Any

import trio

from strata.inference.run.generate import Generation, GenerationParams
from strata.store import AnswerLog

SAVE_SECONDS = 0.5  # what was computed since the last time is computed again: it gives the same tokens


class Journal:
    """The answer of one name. `take_up` first, `keep` beside the run, and `finish` at its end."""

    def __init__(self, log: AnswerLog, name: str) -> None:
        self._log = log
        self._name = name
        self._saved = 0

    async def take_up(self, generation: Generation, params: GenerationParams, model: str) -> None:
        """Enter the answer, or feed the generation what an earlier run had written of it.

        model: a name that other models do not have. Raises LedgerError where the name stands for another request.
        """
        request = _request(generation, params, model)
        record = await trio.to_thread.run_sync(self._log.begin, self._name, request)
        generation.decoding.restore(record.tokens)
        self._saved = generation.decoding.accepted

    async def keep(self, generation: Generation) -> None:
        """Save now and then what is new, until cancelled."""
        while True:
            await trio.sleep(SAVE_SECONDS)
            if generation.decoding.accepted != self._saved:
                await self._save(generation, finished=False)

    async def finish(self, generation: Generation) -> None:
        """Save the whole answer."""
        await self._save(generation, finished=True)

    async def _save(self, generation: Generation, *, finished: bool) -> None:
        accepted, tokens = generation.decoding.accepted, [list(row) for row in generation.decoding.outputs]
        await trio.to_thread.run_sync(lambda: self._log.save(self._name, tokens, finished=finished))
        self._saved = accepted


def _request(generation: Generation, params: GenerationParams, model: str) -> dict[str, Any]:
    """All that the tokens depend on."""
    asked = asdict(params)
    del asked["speculate"]
    asked["stop"] = None if params.stop is None else sorted(params.stop)
    return {"model": model, "prompts": generation.decoding.first_inputs, "params": asked}
