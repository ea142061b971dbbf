"""What decoding asks of a stage: bytes of memory and seconds a step.

Memory of a stage, in bytes:
    weights     its layers; the first stage adds the embedding, the last the final norm and the head. Tied weights are
                held at both ends, and once where one node is both;
    KV cache    sessions x batch x tokens x bytes a token, for each layer; tokens are the context, or a shorter window.
                In 8 bits there is room beside it for one layer's keys and values in the dtype;
    workspace   batch x (context x (4 hidden + 2 widest) x bytes of the dtype    activations while a whole prompt passes
                       + context^2                                               its attention mask, a byte an entry
                       + 4 x vocabulary)                                         float32 logits of the last position
    reserve     RESERVE_BYTES, for message buffers and what the allocator does not give back.

Seconds are those of one decode step of the whole batch. A layer takes the longer of reading its weights and KV cache
at the node's bandwidth and computing its operations at the node's FLOP/s (the roofline model, Williams et al. 2009). A
link takes its latency plus the hidden states at its bandwidth.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from strata.inference.placement.problem import Floats, InvalidProblem
from strata.inference.plan.nodes import Links, NodeProfile
from strata.inference.plan.profile import DTYPE_BYTES, ModelProfile

RESERVE_BYTES = 32 << 20


@dataclass(frozen=True)
class Workload:
    """A model decoding `batch` sequences of up to `context` tokens each, in each of `sessions` that take turns."""

    profile: ModelProfile
    context: int
    batch: int
    sessions: int = 1

    def __post_init__(self) -> None:
        if self.context < 1 or self.batch < 1:
            raise InvalidProblem(f"context and batch must be at least 1, not {self.context} and {self.batch}")
        if self.sessions < 1:
            raise InvalidProblem(f"there is at least one session, not {self.sessions}")
        if self.context > self.profile.max_context:
            limit = self.profile.max_context
            raise InvalidProblem(f"{self.profile.name} takes at most {limit} tokens of context, not {self.context}")

    @property
    def workspace_bytes(self) -> int:
        """Bytes of activations, mask and logits (see the module's formula)."""
        profile = self.profile
        activations = self.context * (4 * profile.hidden_size + 2 * profile.widest) * DTYPE_BYTES[profile.dtype]
        return self.batch * (activations + self.context**2 + 4 * profile.vocab_size)

    @property
    def spare_bytes(self) -> int:
        """Bytes of every node that the weights and KV caches of its layers cannot have."""
        return RESERVE_BYTES + self.workspace_bytes + self._unpacked_bytes

    @property
    def whole_bytes(self) -> int:
        """Bytes of weights and KV caches on a node that holds the whole model, beside `spare_bytes`."""
        last = len(self.profile.layers) - 1
        return self.profile.stage_weight_bytes(0, last) + self.kv_bytes(0, last) - self._unpacked_bytes

    def kv_bytes(self, first: int, last: int) -> int:
        """Bytes of the KV caches of a stage of layers `first` to `last`."""
        return self.profile.stage_kv_bytes(first, last, self.context, self.sessions * self.batch)

    @property
    def _unpacked_bytes(self) -> int:
        last = len(self.profile.layers) - 1
        return self.profile.unpacked_bytes(0, last, self.context, self.sessions * self.batch)

    def layer_bytes(self) -> Floats:
        """(L,) bytes of weights and KV caches, beside `spare_bytes`; the ends carry the embedding and the head."""
        layers, rows = self.profile.layers, self.sessions * self.batch
        sizes = np.array([layer.weight_bytes + layer.kv_bytes(self.context, rows) for layer in layers], np.float64)
        sizes[0] += self.profile.embedding_bytes
        sizes[-1] += self.profile.head_bytes
        return sizes

    def layer_seconds(self, nodes: Sequence[NodeProfile]) -> Floats:
        """(N, L) seconds of a step; the last layer carries the head, the embedding is a lookup and costs nothing."""
        profile, itemsize = self.profile, DTYPE_BYTES[self.profile.dtype]
        flops = np.array([self.batch * layer.flops_per_token for layer in profile.layers], np.float64)
        # A layer with experts reads only those its tokens are sent to: the bytes of its active parameters.
        active = [min(x.weight_bytes, self.batch * x.flops_per_token // 2 * itemsize) for x in profile.layers]
        read = np.array(active, np.float64) + [layer.kv_bytes(self.context, self.batch) for layer in profile.layers]
        flops[-1] += self.batch * 2 * profile.hidden_size * profile.vocab_size
        read[-1] += profile.head_bytes
        return np.array([np.maximum(read / node.bandwidth, flops / node.flops) for node in nodes])

    def link_seconds(self, links: Links) -> Floats:
        """(N, N) seconds to hand one step's hidden states to the next node."""
        return links.seconds(self.batch * self.profile.hidden_size * DTYPE_BYTES[self.profile.dtype])
