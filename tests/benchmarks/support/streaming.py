"""The strong baseline: transformers' model with the layers that fit in memory, the others read while it computes.

One thread reads the next layer that is not resident into the buffer that is free, straight from the disk, while the
layer before it is computed from the other buffer; after the last layer it goes on with the first, for the next token.
The embedding stays on disk: a token reads one row of it.
"""

import json
import os
import threading
from itertools import cycle
from queue import SimpleQueue
from typing import Any

import torch
from torch import nn
from transformers import AutoConfig, AutoModelForCausalLM
from transformers.models.llama.modeling_llama import LlamaRotaryEmbedding

from strata.inference import Checkpoint
from strata.inference.decoder.head import fold_head

from .layer_files import LayerFiles, memory
from .resident import BUFFERS, plan_residency

RESERVE_BYTES = 64 << 20  # activations, the KV cache of a short context, the library's scratch memory


class DiskRows(nn.Module):
    """An embedding that reads its rows from the checkpoint. ids: (B, T) to (B, T, hidden)."""

    def __init__(self, checkpoint: Checkpoint, name: str) -> None:
        super().__init__()
        entry = checkpoint[name]
        self._descriptor = os.open(entry.file, os.O_RDONLY)
        self._offset, self._width = entry.offset, entry.shape[1]

    def forward(self, ids: torch.Tensor) -> torch.Tensor:
        size = 2 * self._width
        rows = [os.pread(self._descriptor, size, self._offset + size * int(token)) for token in ids.flatten()]
        flat = torch.frombuffer(bytearray(b"".join(rows)), dtype=torch.bfloat16)
        return flat.view(*ids.shape, self._width)


class Prefetcher:
    """Gives the streamed layers in order, over and over, one at a time, with the next one on its way."""

    def __init__(self, files: LayerFiles, streamed: tuple[int, ...]) -> None:
        self._files = files
        self._free: SimpleQueue[int | None] = SimpleQueue()
        self._ready: SimpleQueue[tuple[int, int] | BaseException] = SimpleQueue()
        self._buffers = [memory(files.layer_bytes) for _ in range(BUFFERS)]
        self._parameters = [files.parameters(buffer) for buffer in self._buffers]
        self._current = 0
        for number in range(BUFFERS):
            self._free.put(number)
        self._thread = threading.Thread(target=self._read, args=(streamed,), daemon=True)
        self._thread.start()

    def take(self, layer: int, module: nn.Module) -> None:
        """Wait for `layer`, and have `module` compute with it."""
        found = self._ready.get()
        if isinstance(found, BaseException):
            raise found
        number, self._current = found
        assert number == layer
        self._files.install(module, self._parameters[self._current])

    def give_back(self) -> None:
        """The layer taken last has been computed."""
        self._free.put(self._current)

    def stop(self) -> None:
        """Read no more, and wait until that is so: cutting a thread off at exit can abort the process."""
        self._free.put(None)
        self._thread.join()

    def _read(self, streamed: tuple[int, ...]) -> None:
        try:
            for layer in cycle(streamed):
                number = self._free.get()
                if number is None:
                    return
                self._files.read(layer, self._buffers[number])
                self._ready.put((layer, number))
        except BaseException as error:
            self._ready.put(error)


class StreamingModel:
    """A Llama model within a bound of memory. `model` takes none before `load`."""

    def __init__(self, checkpoint: Checkpoint, files: LayerFiles) -> None:
        config = AutoConfig.for_model(**json.loads(checkpoint.config))
        with torch.device("meta"):
            self.model: Any = AutoModelForCausalLM.from_config(config, dtype=torch.bfloat16)
        self.model.eval()
        fold_head(self.model)  # what spares our own last stage a copy of the head spares it this model too
        self.model.model.rotary_emb = LlamaRotaryEmbedding(config=config)
        self._checkpoint = checkpoint
        self._files = files
        self._prefetcher: Prefetcher | None = None

    def load(self, room: int) -> int:
        """Fill `room` bytes; returns how many layers are resident. Raises MemoryError where it does not fit."""
        model, files = self.model.model, self._files
        head = self._checkpoint["lm_head.weight"].nbytes
        plan = plan_residency(files.layers, files.layer_bytes, room - head - RESERVE_BYTES)
        if plan is None:
            raise MemoryError("the head and two buffers do not fit")
        model.embed_tokens = DiskRows(self._checkpoint, "model.embed_tokens.weight")
        for module, name in ((model.norm, "model.norm.weight"), (self.model.lm_head, "lm_head.weight")):
            entry = self._checkpoint[name]
            data = memory(entry.nbytes)
            self._checkpoint.read_into(name, [data])
            weight = torch.frombuffer(data, dtype=torch.bfloat16).view(entry.shape)
            module.weight = nn.Parameter(weight, requires_grad=False)
        for layer in plan.resident:
            data = memory(files.layer_bytes)
            files.read(layer, data)
            files.install(model.layers[layer], files.parameters(data))
        if plan.streamed:
            self._prefetcher = Prefetcher(files, plan.streamed)
            for layer in plan.streamed:
                self._stream(layer, self._prefetcher)
        return len(plan.resident)

    def _stream(self, layer: int, prefetcher: Prefetcher) -> None:
        module = self.model.model.layers[layer]
        module.register_forward_pre_hook(lambda module, _: prefetcher.take(layer, module))
        module.register_forward_hook(lambda *_: prefetcher.give_back())

    def close(self) -> None:
        """End the reading thread."""
        if self._prefetcher is not None:
            self._prefetcher.stop()
