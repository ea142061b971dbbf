"""The predicted peak of an evaluation holds, and is not far from what it takes."""

import subprocess
import sys
import textwrap
from pathlib import Path

import pytest
from transformers import AutoTokenizer, LlamaConfig, LlamaForCausalLM

from strata.evolution.evaluate import ScoringFailed, predicted_peak_bytes

FOLDER = Path(__file__).parents[4] / "data" / "evolution" / "base"

# A model of 62 MB: what it takes is well above the noise of an allocator. It has the shipped tokenizer.
SCRIPT = """
    import sys
    from pathlib import Path
    from strata.evolution.evaluate.local import LocalScorer
    from strata.evolution.evaluate import predicted_peak_bytes

    def peak():
        return next(int(l.split()[1]) for l in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in l) << 10

    shipped, folder = Path(sys.argv[1]), Path(sys.argv[2])
    LocalScorer(shipped).log_likelihoods([("a", ["b"])])  # what Python, torch and transformers take
    questions = [("a" * 60, ["b" * 17] * 4)] * 64
    before = peak()
    LocalScorer(folder, most_tokens=4096).log_likelihoods(questions)
    print(peak() - before, predicted_peak_bytes(folder, 4096, 128))
"""


def make_model(folder: Path) -> None:
    config = LlamaConfig(
        vocab_size=4096,
        hidden_size=512,
        intermediate_size=1536,
        num_hidden_layers=4,
        num_attention_heads=8,
        max_position_embeddings=128,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    AutoTokenizer.from_pretrained(FOLDER).save_pretrained(folder)


def test_the_predicted_peak_holds(tmp_path: Path):
    make_model(tmp_path)
    command = [sys.executable, "-c", textwrap.dedent(SCRIPT), str(FOLDER), str(tmp_path)]
    out = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    taken, predicted = map(int, out.split())
    assert taken <= predicted <= 2 * taken


def test_more_tokens_take_more():
    assert predicted_peak_bytes(FOLDER, 8192) > predicted_peak_bytes(FOLDER, 512) > 2 * 656_256 * 4


def test_what_is_no_model_is_named(tmp_path: Path):
    with pytest.raises(ScoringFailed, match="holds no model"):
        predicted_peak_bytes(tmp_path)
    (tmp_path / "config.json").write_text('{"hidden_size": "wide"}')
    with pytest.raises(ScoringFailed, match="holds no weights"):
        predicted_peak_bytes(tmp_path)
    (tmp_path / "model.safetensors").write_bytes(b"\xff" * 8 + b"[")
    with pytest.raises(ScoringFailed, match="cannot read"):
        predicted_peak_bytes(tmp_path)
    (tmp_path / "model.safetensors").write_bytes((FOLDER / "model.safetensors").read_bytes())
    with pytest.raises(ScoringFailed, match="does not tell the model's widths"):
        predicted_peak_bytes(tmp_path)
