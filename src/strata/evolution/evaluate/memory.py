"""How much memory an evaluation will take, told before it begins."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from strata.evolution.evaluate.batching import MOST_TOKENS, batch_tokens
from strata.evolution.evaluate.scorer import ScoringFailed

_WIDTHS = {"F64": 8, "F32": 4, "F16": 2, "BF16": 2, "I64": 8, "I32": 4, "I16": 2, "I8": 1, "U8": 1, "BOOL": 1}
FLOAT = 4  # bytes
LONGEST_HEADER = 100 << 20


def predicted_peak_bytes(folder: Path, tokens: int = MOST_TOKENS, row: int = 512) -> int:
    """Bytes that `LocalScorer` takes at most, beyond what Python with torch and transformers takes.

    folder: of the model; its weights are not read. tokens: of a batch, padding included. row: the longest question, of
    its prompt and all options. Weights are held in float32; while they are read, those files are in memory too. Of one
    layer's work the widest part counts, since layers follow each other. Raises ScoringFailed for what is no model.
    """
    config, (parameters, stored) = _configuration(folder), _weights(folder)
    try:
        hidden, vocabulary = int(config["hidden_size"]), int(config["vocab_size"])
        heads = int(config["num_attention_heads"])
    except (KeyError, TypeError, ValueError) as error:
        raise ScoringFailed(f"{folder}: config.json does not tell the model's widths") from error
    inner = int(config.get("intermediate_size") or 4 * hidden)
    tokens = max(row, batch_tokens(vocabulary, tokens))
    masks = tokens * row * (FLOAT + 3) + tokens * row * FLOAT  # of booleans, of floats, and one that attention makes
    attention = tokens * (8 * hidden) * FLOAT + tokens * row * heads * FLOAT
    feed_forward = tokens * (3 * inner + 4 * hidden) * FLOAT
    output = tokens * (2 * hidden + 3 * vocabulary) * FLOAT
    return parameters * FLOAT + stored + masks + max(attention, feed_forward, output)


def _configuration(folder: Path) -> Mapping[str, Any]:
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError, RecursionError) as error:
        raise ScoringFailed(f"{folder} holds no model: {error}") from error
    if not isinstance(config, dict):
        raise ScoringFailed(f"{folder}/config.json is no JSON object")
    return config


def _weights(folder: Path) -> tuple[int, int]:
    """Numbers and bytes in the folder's safetensors files, by their headers."""
    numbers = stored = 0
    for file in sorted(folder.glob("*.safetensors")):
        for name, entry in _header(file).items():
            if name != "__metadata__":
                begin, end = entry["data_offsets"]
                stored += end - begin
                numbers += (end - begin) // _WIDTHS.get(entry["dtype"], 1)
    if not numbers:
        raise ScoringFailed(f"{folder} holds no weights: *.safetensors are needed")
    return numbers, stored


def _header(file: Path) -> Mapping[str, Any]:
    try:
        with file.open("rb") as stream:
            length = int.from_bytes(stream.read(8), "little")
            header: Mapping[str, Any] = json.loads(stream.read(min(length, LONGEST_HEADER)))
            return header
    except (OSError, ValueError, RecursionError) as error:
        raise ScoringFailed(f"cannot read {file}: {error}") from error
