"""Whether sessions leave memory behind: what a node without any session holds, followed from session to session.

Two samples are taken, after garbage was collected: bytes of live tensors, which are exact, and resident bytes, which
also show what has no tensor but creep while an allocator settles, so only a steeper trend counts. Neither is comparable
while other sessions run, so none is taken then. Loading another shard begins anew.
"""

import gc
from dataclasses import dataclass

import torch

from strata.inference.node.process_memory import release, resident_bytes
from strata.memory import WINDOW, Leak, LeakMonitor

WARM_UP = 8  # sessions until code, tables and scratch memory of every kind have been needed once
TENSOR_TOLERANCE = 1 << 10  # bytes a session
RESIDENT_TOLERANCE = 64 << 10


@dataclass(frozen=True)
class Held:
    """Bytes of this process: all that is resident, and the storages of live tensors, each once."""

    resident: int
    tensors: int


def held() -> Held:
    """What this process holds once nothing is garbage; not what `gc.freeze` has set aside. Blocks some milliseconds."""
    release()
    storages: dict[int, int] = {}
    for each in gc.get_objects():
        if issubclass(type(each), torch.Tensor) and each.device.type == "cpu" and each.layout == torch.strided:
            storage = each.untyped_storage()
            storages[storage.data_ptr()] = storage.nbytes()
    return Held(resident_bytes(), sum(storages.values()))


class LeakWatch:
    """Samples of one process. `found` says what grows, in words; it is empty while nothing is suspected."""

    def __init__(self, window: int = WINDOW, warm_up: int = WARM_UP) -> None:
        self._window, self._warm_up = window, warm_up
        self.found = ""
        self.begin()

    def begin(self) -> None:
        """Forget all samples: what the process holds is another thing from now on. What was found stays."""
        self._tensors = LeakMonitor(
            "bytes of live tensors", tolerance=TENSOR_TOLERANCE, window=self._window, warm_up=self._warm_up
        )
        self._resident = LeakMonitor(
            "resident bytes", tolerance=RESIDENT_TOLERANCE, window=self._window, warm_up=self._warm_up
        )

    def note(self, sample: Held) -> bool:
        """Take what is held after a session; True when that completes a window in which something grew."""
        grew = False
        # Tensors last: where both grow, they are the more exact finding.
        for monitor, value in ((self._resident, sample.resident), (self._tensors, sample.tensors)):
            try:
                monitor.note(value)
            except Leak as leak:
                self.found, grew = str(leak), True
        return grew
