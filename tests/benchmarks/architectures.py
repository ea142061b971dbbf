"""Which causal architectures of transformers Strata splits exactly.

For a tiny random model of each: greedy decoding of 16 tokens with KV cache over 3 stages, alone and in a padded batch,
and once more with weights from a checkpoint on disk, must give the tokens of `generate` and logits within 1e-4 in
float32. What does not is listed with its reason. `--write-table` writes the traits found, which ship with Strata.

    .venv/bin/python tests/benchmarks/architectures.py [--write-table] [model_type ...]
"""

import argparse
import json
import os
import queue
import subprocess
import sys
import tempfile
import threading
from dataclasses import asdict
from pathlib import Path
from typing import Any

PEER = 68  # the naive probe: keep the layers, make the rest identities, feed `inputs_embeds`, no KV cache
TOKENS = 16
SECONDS_EACH = 90
WORKERS = 2

QWEN4_INDEXER = {
    "indexer_n_heads": 4,
    "indexer_kv_heads": 1,
    "indexer_head_dim": 256,
    "indexer_budget": 16,
    "indexer_compress_ratio": 4,
}
# What the default config of a type leaves unset or contradictory, so that transformers itself cannot run it.
COMPLETED: dict[str, dict[str, Any]] = {
    "bamba": {"attn_layer_indices": [1, 4]},
    "blenderbot": {"encoder_layers": 24},
    "bloom": {"n_layer": 6},
    "cohere_compass_text": {"rope_parameters": {"full_attention": {"rope_type": "default", "rope_theta": 1e4}}},
    "dbrx": {"attn_config": {"rope_theta": 1e4, "kv_n_heads": 8, "clip_qkv": 8}},
    "deepseek_v2": {"num_experts_per_tok": 2},
    "dots1": {"n_routed_experts": 8, "n_shared_experts": 1, "num_experts_per_tok": 2},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"] * 16},
    "hunyuan_v1_dense": {"head_dim": 128},
    "hunyuan_v1_moe": {"head_dim": 128},
    "lfm2_moe": {"layer_types": ["conv", "full_attention"] * 16, "num_hidden_layers": 32},
    "ministral": {"head_dim": 128},
    "nemotron": {"num_key_value_heads": 8},
    "qwen4_exp": {"text_config": QWEN4_INDEXER},
    "qwen4_exp_text": QWEN4_INDEXER,
    "xmod": {"default_language": "en_XX"},
    "zamba2": {
        "num_hidden_layers": 6,
        "layers_block_type": ["linear_attention", "hybrid"] * 3,
        "hybrid_layer_ids": [1, 3, 5],
    },
}


def default_config(model_type: str) -> Any:
    """The config of a type with its defaults, completed where they are not enough, as a decoder."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    config = CONFIG_MAPPING[model_type](**COMPLETED.get(model_type, {}))
    if hasattr(config, "is_decoder"):
        config.is_decoder = True
    return config


def try_one(model_type: str) -> dict[str, Any]:
    """The traits of an architecture, or the reason why it is not split."""
    from strata.inference.decoder.examine import TOLERANCE, examine
    from strata.inference.decoder.specimen import Specimen, generate_staged, generate_whole
    from strata.inference.decoder.split import Unsplittable

    try:
        config = default_config(model_type)
    except Exception as error:
        return {"reason": f"its default config is refused by transformers: {last_line(error)}"}
    try:
        traits = examine(config, tokens=TOKENS)
        specimen = Specimen.of(config)
        prompt, padding = specimen.prompt[:1], specimen.padding[:1]
        expected_ids, expected = generate_whole(specimen.whole, prompt, padding, TOKENS)
        ids, logits = generate_staged(stages_from_disk(specimen, traits), prompt, padding, TOKENS)
    except Unsplittable as error:
        return {"reason": error.reason}
    except Exception as error:
        return {"reason": f"its checkpoint does not load: {last_line(error)}"}
    difference = (logits - expected).abs().max().item()
    if ids.tolist() != expected_ids.tolist() or not difference <= TOLERANCE:
        return {"reason": f"from its checkpoint on disk, stages differ by {difference:.2g}"}
    return {"traits": asdict(traits)}


def last_line(error: Exception) -> str:
    return f"{type(error).__name__}: {str(error).strip().splitlines()[-1].strip() if str(error) else ''}"


def stages_from_disk(specimen: Any, traits: Any) -> list[Any]:
    """Three stages, each loaded from only the tensors that it says it wants."""
    import torch
    from safetensors import safe_open

    from strata.inference.decoder.split import build_skeleton
    from strata.inference.decoder.stage_model import StageModel

    stages = []
    with tempfile.TemporaryDirectory() as folder:
        specimen.whole.save_pretrained(folder)
        (path,) = Path(folder).glob("*.safetensors")
        with safe_open(path, "pt") as tensors:
            names = list(tensors.keys())
            for first, last in specimen.ranges(traits, 3):
                stage = StageModel(build_skeleton(specimen.config, torch.float32), traits, first, last)
                stage.load(tensors.get_tensor, stage.wanted(names))
                stages.append(stage)
    return stages


def child() -> None:
    """Answer model types on stdin with one JSON line each."""
    import warnings

    import torch
    import transformers

    warnings.filterwarnings("ignore")
    transformers.logging.set_verbosity_error()
    transformers.utils.logging.disable_progress_bar()
    torch.set_num_threads(1)
    for line in sys.stdin:
        print(json.dumps(try_one(line.strip())), flush=True)


class Worker:
    """A child process that tries architectures; a crash or a stall costs the one under way and a new child."""

    def __init__(self) -> None:
        self._start()

    def _start(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, __file__, "--child"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
            env={**os.environ, "OMP_NUM_THREADS": "1"},
        )

    def stop(self) -> None:
        self._process.kill()
        self._process.wait()

    def ask(self, model_type: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        stalled = threading.Timer(SECONDS_EACH, self._process.kill)
        stalled.start()
        self._process.stdin.write(model_type + "\n")
        self._process.stdin.flush()
        line = self._process.stdout.readline()
        stalled.cancel()
        if line:
            return json.loads(line)
        code = self._process.wait()
        self._start()
        return {"reason": f"trying it took over {SECONDS_EACH} s or crashed (exit {code})"}


def run(model_types: list[str]) -> dict[str, dict[str, Any]]:
    todo: queue.SimpleQueue[str] = queue.SimpleQueue()
    for model_type in model_types:
        todo.put(model_type)
    results: dict[str, dict[str, Any]] = {}

    def work() -> None:
        worker = Worker()
        try:
            while not todo.empty():
                try:
                    model_type = todo.get_nowait()
                except queue.Empty:
                    break
                results[model_type] = worker.ask(model_type)
        finally:
            worker.stop()

    threads = [threading.Thread(target=work) for _ in range(WORKERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {model_type: results[model_type] for model_type in model_types}


def main() -> None:
    from transformers.models.auto.modeling_auto import MODEL_FOR_CAUSAL_LM_MAPPING_NAMES

    from strata.inference.decoder.split import Traits
    from strata.inference.decoder.traits import TABLE, write_table

    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--write-table", action="store_true")
    parser.add_argument("model_types", nargs="*")
    options = parser.parse_args()
    results = run(options.model_types or list(MODEL_FOR_CAUSAL_LM_MAPPING_NAMES))
    split = {name: result["traits"] for name, result in results.items() if "traits" in result}
    reasons = {name: result["reason"] for name, result in results.items() if "reason" in result}
    for name in results:
        print(f"{name:28} {'split' if name in split else reasons[name]}")
    if options.write_table:
        path = Path(__file__).parents[2] / "src" / "strata" / "inference" / TABLE
        path.write_text(write_table({name: Traits(**traits) for name, traits in split.items()}))
    summary = {
        "name": "architectures",
        "ours": len(split),
        "peer": PEER,
        "peer_name": "naive identity probe, no KV cache (notes)",
        "unit": "architectures split exactly",
        "ratio": round(len(split) / PEER, 2),
        "limit": len(results),
        "reasons": reasons,
    }
    print(json.dumps(summary))


if __name__ == "__main__":
    child() if "--child" in sys.argv else main()
