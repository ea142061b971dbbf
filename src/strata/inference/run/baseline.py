"""The same model in one process under transformers' own `generate`: what a distributed run is compared with."""

import json
import subprocess
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from strata.errors import StrataError
from strata.inference.node.process_memory import peak_resident_bytes, release, resident_bytes
from strata.inference.run.generate import GenerationParams, GenerationResult, Prompts, StageResult
from strata.inference.run.text import Texts

_PARAMS = TypeAdapter(GenerationParams)
_RESULT = TypeAdapter(GenerationResult)


class BaselineFailed(StrataError):
    """The process that was to be compared with did not come to an end."""


def generate_baseline(
    model: Path,
    prompts: Prompts,
    params: GenerationParams | None = None,
    dtype: str = "float32",
    threads: int | None = None,
) -> GenerationResult:
    """Answer with `transformers.generate` in one fresh process; its only stage is that process.

    threads: of torch; None leaves its default, as many as there are cores. Raises BaselineFailed.
    """
    request = {
        "model": str(model),
        "prompts": list(prompts),
        "params": _PARAMS.dump_python(params or GenerationParams(), mode="json"),
        "dtype": dtype,
        "threads": threads,
    }
    command = [sys.executable, "-m", "strata.inference.run.baseline"]
    done = subprocess.run(command, input=json.dumps(request).encode(), capture_output=True, check=False)
    if done.returncode != 0:
        lines = done.stderr.decode(errors="replace").strip().splitlines()
        raise BaselineFailed(f"the model in one process failed: {lines[-1] if lines else 'it said nothing'}")
    return _RESULT.validate_json(done.stdout.splitlines()[-1])


def _generate(model: Path, prompts: Prompts, params: GenerationParams, dtype: str) -> GenerationResult:
    import torch
    from transformers import AutoModelForCausalLM, set_seed

    texts = Texts(model)
    rows = texts.encode(prompts, chat=params.chat)
    release()
    baseline = resident_bytes()
    whole: Any = AutoModelForCausalLM.from_pretrained(model, dtype=getattr(torch, dtype), local_files_only=True)
    whole.eval()
    longest = max(map(len, rows))
    ids = torch.tensor([[texts.pad] * (longest - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (longest - len(row)) + [1] * len(row) for row in rows])
    stop = texts.stop if params.stop is None else params.stop
    sampling = params.sampling
    if sampling.temperature > 0:
        set_seed(sampling.seed)
        how = {"do_sample": True, "temperature": sampling.temperature, "top_k": sampling.top_k, "top_p": sampling.top_p}
    else:
        how = {"do_sample": False}
    new_tokens = (
        params.max_new_tokens if params.context is None else min(params.max_new_tokens, params.context - longest)
    )
    clock = Clock()
    output = whole.generate(
        ids,
        attention_mask=mask,
        max_new_tokens=new_tokens,
        eos_token_id=sorted(stop) or None,
        pad_token_id=texts.pad,
        streamer=clock,
        **how,
    )
    answers = [_until(row, stop) for row in output[:, longest:].tolist()]
    config = whole.config.get_text_config(decoder=True)
    stage = StageResult(
        node="one process",
        layers=(0, config.num_hidden_layers - 1),
        peak_rss_bytes=peak_resident_bytes(),
        baseline_rss_bytes=baseline,
        weight_bytes=sum(parameter.nbytes for parameter in whole.parameters()),
        kv_bytes=0,
        bytes_sent=0,
        bytes_received=0,
    )
    start, first, *rest = clock.times
    return GenerationResult(
        token_ids=answers,
        text=[texts.decode(row) for row in answers],
        stages=[stage],
        prompt_tokens=sum(map(len, rows)),
        tokens=sum(map(len, answers)),
        seconds_to_first_token=first - start,
        seconds_per_token=(rest[-1] - first) / len(rest) if rest else 0.0,
        seconds=clock.times[-1] - start,
    )


class Clock:
    """A streamer that notes when `generate` begins (it is handed the prompt) and when each token comes."""

    def __init__(self) -> None:
        self.times: list[float] = []

    def put(self, value: Any) -> None:
        """Note the time."""
        self.times.append(time.perf_counter())

    def end(self) -> None:
        """Nothing more comes."""


def _until(tokens: list[int], stop: frozenset[int]) -> list[int]:
    """Without the padding that follows a stop token."""
    for index, token in enumerate(tokens):
        if token in stop:
            return tokens[: index + 1]
    return tokens


def _main() -> None:
    import torch

    request = json.load(sys.stdin)
    if request["threads"] is not None:
        torch.set_num_threads(request["threads"])
    params = _PARAMS.validate_python(request["params"])
    result = _generate(Path(request["model"]), request["prompts"], params, request["dtype"])
    print(json.dumps(asdict(result)))


if __name__ == "__main__":
    _main()
