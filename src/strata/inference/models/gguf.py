"""Turn a GGUF file into a safetensors checkpoint, tensor by tensor, holding one tensor's values at a time.

The mapping of names and the rearranging of values are transformers' own (`modeling_gguf_pytorch_utils`), the unpacking
of quantised blocks is the `gguf` package's, so the result equals what
`from_pretrained(gguf_file=..., quantization_config=GgufConfig(dequantize=True), dtype=float32)` loads, bit for bit.
Format: https://github.com/ggml-org/ggml/blob/master/docs/gguf.md
"""

import json
from collections import Counter
from pathlib import Path
from typing import Any

import numpy as np
import torch

from strata.inference.models.checkpoint import CheckpointError


def convert_gguf(source: Path, target: Path) -> None:
    """Write the GGUF file `source` as a float32 checkpoint into the existing empty folder `target`.

    The folder gets `config.json`, `generation_config.json`, `model.safetensors`, the tokenizer and its chat template.
    Raises CheckpointError where transformers cannot read the file's architecture.
    """
    from transformers import AutoConfig, AutoModelForCausalLM, AutoTokenizer, GenerationConfig

    try:
        config = AutoConfig.from_pretrained(source.parent, gguf_file=source.name)
        with torch.device("meta"):
            model = AutoModelForCausalLM.from_config(config, dtype=torch.float32)  # type: ignore[no-untyped-call]
        _write_tensors(source, model, target / "model.safetensors")
        tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    except (ValueError, NotImplementedError, KeyError) as error:
        raise CheckpointError(f"{source}: transformers cannot read this GGUF file ({error})") from error
    config.architectures = [type(model).__name__]
    config.dtype = torch.float32
    config.save_pretrained(target)
    GenerationConfig.from_model_config(config).save_pretrained(target)
    tokenizer.save_pretrained(target)


def _write_tensors(source: Path, model: Any, target: Path) -> None:
    from gguf import GGUFReader, dequantize
    from transformers.modeling_gguf_pytorch_utils import TENSOR_PROCESSORS, TensorProcessor, get_gguf_hf_weights_map

    reader = GGUFReader(source)
    architecture = reader.fields["general.architecture"].contents()
    make_processor: Any = TENSOR_PROCESSORS.get(architecture, TensorProcessor)
    processor = make_processor(config=model.config.to_dict())
    names: dict[str, str] = get_gguf_hf_weights_map(model, processor)
    tied = set(model.all_tied_weights_keys)
    shapes = {name: tuple(value.shape) for name, value in model.state_dict().items() if name not in tied}
    # Several GGUF tensors may make one of the model's (a mixture's gate and up projections): written when complete.
    awaited = Counter(names[_target_key(t.name, names)] for t in reader.tensors if _target_key(t.name, names) in names)
    if lacking := shapes.keys() - awaited.keys():
        raise CheckpointError(f"{source}: no values for tensor {min(lacking)!r}")
    merged: dict[str, Any] = {"tensors": {}}
    with target.open("wb") as output:
        offsets = _write_header(output, {name: shapes[name] for name in awaited if name in shapes})
        for tensor in reader.tensors:
            key = _target_key(tensor.name, names)
            if names.get(key) not in offsets:
                continue
            name = names[key]
            result = processor.process(
                weights=dequantize(tensor.data, tensor.tensor_type),
                name=tensor.name,
                tensor_key_mapping=names,
                parsed_parameters=merged,
            )
            awaited[name] -= 1
            if result.name is not None:
                values = result.weights
            elif awaited[name] == 0:
                values = merged["tensors"].pop(name).numpy()
            else:
                continue
            if values.shape != shapes[name]:
                raise CheckpointError(f"{source}: tensor {name!r} has shape {values.shape}, not {shapes[name]}")
            output.seek(offsets[name])
            output.write(np.ascontiguousarray(values, np.float32).data.cast("B"))


def _target_key(name: str, names: dict[str, str]) -> str:
    """The key under which transformers maps GGUF tensor `name`; stacked experts are mapped without their suffix."""
    return name if name in names else name.removesuffix(".weight")


def _write_header(output: Any, shapes: dict[str, tuple[int, ...]]) -> dict[str, int]:
    """Write a safetensors header for float32 tensors; returns where in the file each tensor's bytes begin."""
    header: dict[str, Any] = {"__metadata__": {"format": "pt"}}
    ends, end = {}, 0
    for name, shape in shapes.items():
        begin, end = end, end + 4 * int(torch.Size(shape).numel())
        header[name] = {"dtype": "F32", "shape": list(shape), "data_offsets": [begin, end]}
        ends[name] = begin
    encoded = json.dumps(header).encode()
    encoded += b" " * (-len(encoded) % 8)  # keeps the tensors aligned
    output.write(len(encoded).to_bytes(8, "little") + encoded)
    return {name: 8 + len(encoded) + begin for name, begin in ends.items()}
