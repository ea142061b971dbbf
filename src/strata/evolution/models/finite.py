"""Whether weights are numbers at all, from the bits in the files."""

import json
import math
from pathlib import Path

import numpy as np

from strata.evolution.models.artifact import BadModel

MOST_HEADER_BYTES = 100 << 20  # what the safetensors library accepts
_STEP = 1 << 20  # numbers looked at together
# Unsigned type as wide as the number, and its exponent's bits: all of them are set in NaN and infinity (IEEE 754).
_EXPONENTS = {"F64": ("<u8", 0x7FF << 52), "F32": ("<u4", 0xFF << 23), "F16": ("<u2", 0x7C00), "BF16": ("<u2", 0x7F80)}


def not_finite(folder: Path) -> dict[str, int]:
    """How many weights of each tensor of a model folder are NaN or infinite; tensors without any are left out.

    The format: 8 bytes of length, JSON, then the tensors (https://github.com/huggingface/safetensors). Raises BadModel.
    """
    found: dict[str, int] = {}
    for file in sorted(folder.glob("*.safetensors")):
        try:
            found |= _of_file(file)
        except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError) as error:
            raise BadModel(f"{file} is no safetensors file: {error}") from error
    return found


def _of_file(file: Path) -> dict[str, int]:
    with file.open("rb") as opened:
        length = int.from_bytes(opened.read(8), "little")
        header = json.loads(opened.read(length) if length <= MOST_HEADER_BYTES else b"")
    found = {}
    for name, fields in header.items():
        if name == "__metadata__" or fields["dtype"] not in _EXPONENTS:
            continue
        kind, exponent = _EXPONENTS[fields["dtype"]]
        begin, size = 8 + length + int(fields["data_offsets"][0]), math.prod(map(int, fields["shape"]))
        count = 0
        for start in range(0, size, _STEP):
            width = np.dtype(kind).itemsize
            bits = np.fromfile(file, kind, min(_STEP, size - start), offset=begin + start * width)
            if len(bits) < min(_STEP, size - start):
                raise ValueError(f"{name} ends too early")
            count += int(np.count_nonzero((bits & np.array(exponent, kind)) == exponent))
        if count:
            found[name] = count
    return found
