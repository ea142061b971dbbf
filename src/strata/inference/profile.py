"""What a model needs: bytes, floating-point operations and KV-cache bytes of each layer, without loading a weight."""

from dataclasses import dataclass

DTYPE_BYTES = {"float64": 8, "float32": 4, "bfloat16": 2, "float16": 2}


@dataclass(frozen=True)
class LayerProfile:
    """One decoder layer in the target dtype.

    flops_per_token counts the matrix products with weights (two operations for each active parameter), not the products
    with the KV cache, which a decode step is bound to read rather than to compute. `window` caps the cached tokens.
    """

    weight_bytes: int
    flops_per_token: int
    kv_bytes_per_token: int
    window: int | None = None

    def kv_bytes(self, context: int, batch: int) -> int:
        """Bytes of this layer's KV cache for `batch` sequences of `context` tokens."""
        return batch * self.kv_bytes_per_token * min(context, self.window or context)


@dataclass(frozen=True)
class ModelProfile:
    """A model by layer.

    embedding_bytes is what the first stage holds besides its layers, head_bytes what the last one does (final norm and
    head); `shared_bytes` of them are the same tensors, held once where one node is both first and last. `widest` is the
    largest number of features that a matrix within a layer yields for a token.
    """

    name: str
    architecture: str
    dtype: str
    layers: tuple[LayerProfile, ...]
    embedding_bytes: int
    head_bytes: int
    shared_bytes: int
    tied: bool
    hidden_size: int
    vocab_size: int
    widest: int
    max_context: int

    @property
    def total_bytes(self) -> int:
        """Bytes of the weights on one node that holds the whole model."""
        return self.stage_weight_bytes(0, len(self.layers) - 1)

    def stage_weight_bytes(self, first: int, last: int) -> int:
        """Bytes of the weights that a stage of layers `first` to `last` holds."""
        at_front, at_end = first == 0, last == len(self.layers) - 1
        return (
            sum(layer.weight_bytes for layer in self.layers[first : last + 1])
            + at_front * self.embedding_bytes
            + at_end * self.head_bytes
            - (at_front and at_end) * self.shared_bytes
        )
