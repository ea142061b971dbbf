"""Whether weights are numbers at all, from the bits in the files."""

import json
import math
from typing import BinaryIO

import numpy as np

from strata.evolution.models.artifact import BadModel, open_model
from strata.store import Store

MOST_HEADER_BYTES = 100 << 20  # what the safetensors library accepts
_STEP = 1 << 20  # numbers looked at together
# Unsigned type as wide as the number, and its exponent's bits: all of them are set in NaN and infinity (IEEE 754).
_EXPONENTS = {"F64": ("<u8", 0x7FF << 52), "F32": ("<u4", 0xFF << 23), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}


def not_finite(store: Store, model: str) -> dict[str, int]:
    """How many weights of each tensor of a stored model are NaN or infinite; tensors without any are left out.

    The format: 8 bytes of length, JSON, then the tensors (https://github.com/huggingface/safetensors). Raises BadModel
    and BlobMissing.
    """
    found: dict[str, int] = {}
    for name, blob in open_model(store, model).files.items():
        if name.endswith(".safetensors"):
            try:
                with store.open(blob) as file:
                    found |= _of_file(file)
            except (ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
                raise BadModel(f"{name} of {model} is no safetensors file: {error}") from error
    return found


def _of_file(file: BinaryIO) -> dict[str, int]:
    length = int.from_bytes(file.read(8), "little")
    header = json.loads(file.read(length) if length <= MOST_HEADER_BYTES else b"")
    found = {}
    for name, fields in header.items():
        if name == "__metadata__" or fields["dtype"] not in _EXPONENTS:
            continue
        kind, exponent = _EXPONENTS[fields["dtype"]]
        file.seek(8 + length + int(fields["data_offsets"][0]))
        left, count = math.prod(map(int, fields["shape"])), 0
        while left > 0:
            bits = np.fromfile(file, kind, min(_STEP, left))
            if not len(bits):
                raise ValueError(f"{name} ends too early")
            count += int(np.count_nonzero((bits & np.array(exponent, kind)) == exponent))
            left -= len(bits)
        if count:
            found[name] = count
    return found
