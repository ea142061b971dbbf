"""A process that answers one prompt with the model in a bounded memory: `python -m support.peer`, started by `limited`.

It takes a line of JSON (Request), loads its libraries, says "ready" and waits: it is then put into its group of memory,
is told how many bytes it may still take, loads the model and answers. Its last line is JSON (Answer).
"""

import json
import os
import sys
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal

from strata.inference.run.baseline import Clock

Kind = Literal["streaming", "accelerate", "whole"]


@dataclass(frozen=True)
class Request:
    """What to run; files: the folder of LayerFiles, scratch: an empty one."""

    kind: Kind
    model: str
    files: str
    scratch: str
    prompt: list[int]
    tokens: int
    threads: int


@dataclass(frozen=True)
class Answer:
    """The new tokens and what they took; resident: how many layers stayed in memory; cores: that it might run on."""

    tokens: list[int]
    seconds_to_first_token: float
    seconds_per_token: float
    resident: int
    cores: int
    threads: int


def _answer(model: Any, request: Request, resident: int) -> Answer:
    import torch

    ids, clock = torch.tensor([request.prompt]), Clock()
    with torch.inference_mode():
        out = model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            max_new_tokens=request.tokens,
            do_sample=False,
            pad_token_id=0,
            streamer=clock,
        )
    start, first, *rest = clock.times
    return Answer(
        tokens=out[0, len(request.prompt) :].tolist(),
        seconds_to_first_token=first - start,
        seconds_per_token=(rest[-1] - first) / len(rest),
        resident=resident,
        cores=len(os.sched_getaffinity(0)),
        threads=torch.get_num_threads(),
    )


def _streaming(request: Request) -> Answer:
    from strata.inference import Checkpoint

    from .layer_files import LayerFiles
    from .streaming import StreamingModel

    checkpoint = Checkpoint.open(Path(request.model))
    layers = json.loads(checkpoint.config)["num_hidden_layers"]
    streaming = StreamingModel(checkpoint, LayerFiles(checkpoint, Path(request.files), layers))
    resident = streaming.load(_room())
    answer = _answer(streaming.model, request, resident)
    streaming.close()
    return answer


def _accelerate(request: Request) -> Answer:
    """Stock: transformers hands the layers to accelerate, which keeps what fits and reads the rest for each token."""
    import accelerate  # noqa: F401 (imported before the memory is bounded)
    import torch
    from transformers import AutoModelForCausalLM, LlamaForCausalLM  # noqa: F401

    from .streaming import RESERVE_BYTES

    model: Any = AutoModelForCausalLM.from_pretrained(
        request.model,
        dtype=torch.bfloat16,
        local_files_only=True,
        device_map="auto",
        max_memory={"cpu": max(0, _room() - RESERVE_BYTES)},
        offload_folder=request.scratch,
    )
    places = getattr(model, "hf_device_map", {})
    return _answer(model, request, sum(place != "disk" for name, place in places.items() if ".layers." in name))


def _whole(request: Request) -> Answer:
    """Stock `generate` with everything in memory. The model is run once before, since its weights are a mapped file."""
    import torch
    from transformers import AutoModelForCausalLM, LlamaForCausalLM  # noqa: F401

    _room()
    model: Any = AutoModelForCausalLM.from_pretrained(request.model, dtype=torch.bfloat16, local_files_only=True)
    with torch.inference_mode():
        model(torch.tensor([request.prompt]))
    return _answer(model, request, model.config.num_hidden_layers)


def _room() -> int:
    print("ready", flush=True)
    return int(sys.stdin.readline())


_RUN = {"streaming": _streaming, "accelerate": _accelerate, "whole": _whole}


def main() -> None:
    """Answer one request."""
    request = Request(**json.loads(sys.stdin.readline()))
    import torch

    torch.set_num_threads(request.threads)
    answer = _RUN[request.kind](request)
    print(json.dumps(asdict(answer)), flush=True)


if __name__ == "__main__":
    main()
