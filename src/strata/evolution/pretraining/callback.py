"""A transformers.TrainerCallback that registers what a Trainer saves."""

import logging
import math
from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from strata.evolution.pretraining.register import Notify, register_checkpoint
from strata.store import Ledger, store_at

_log = logging.getLogger(__name__)


class StrataCallback(TrainerCallback):
    """`Trainer(..., callbacks=[StrataCallback(store_root, ledger_url, "my-run")])` registers each saved checkpoint.

    A training run is worth more than its registration: what goes wrong is logged as a warning, and training goes on.
    store_url: of a store that machines share (STRATA_STORE_URL), of which `store_root` then is a cache. Of several
    processes only the first registers. `notify` hears of each checkpoint, as in `register_checkpoint`.
    """

    def __init__(
        self,
        store_root: Path,
        ledger_url: str,
        run: str,
        notify: Notify | None = None,
        *,
        store_url: str | None = None,
    ) -> None:
        self._store_root, self._store_url = store_root, store_url
        self._ledger_url, self._run, self._notify = ledger_url, run, notify

    def on_save(self, args: Any, state: Any, control: Any, **kwargs: Any) -> None:
        """Called by the Trainer after it has written `checkpoint-<step>`."""
        if not state.is_world_process_zero:
            return
        folder = Path(args.output_dir) / f"checkpoint-{state.global_step}"
        try:
            with Ledger(self._ledger_url) as ledger:
                register_checkpoint(
                    store_at(self._store_root, self._store_url),
                    ledger,
                    folder,
                    self._run,
                    state.global_step,
                    loss=_last_loss(state.log_history),
                    notify=self._notify,
                )
        except Exception as error:  # also what a database or `notify` raises
            _log.warning("the checkpoint in %s was not registered: %s", folder, error)


def _last_loss(history: list[dict[str, Any]]) -> float | None:
    for entry in reversed(history):
        loss = entry.get("loss")
        if isinstance(loss, int | float) and math.isfinite(loss):
            return float(loss)
    return None
