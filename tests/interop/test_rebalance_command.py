"""`strata inference rebalance` from the outside, with node processes."""

import json
import os
import subprocess
import sys
from pathlib import Path

import psutil

from tests.support.nodes import LAYERS, tiny_llama, tiny_tokenizer


def test_a_rehearsal_explains_in_json_what_would_move_and_moves_nothing(tmp_path: Path) -> None:
    # The sessions end as soon as enough was measured, so they may be as long as they like.
    tiny_llama(tmp_path / "model", context=8192)
    tiny_tokenizer(tmp_path / "model")
    command = [sys.executable, "-c", "from strata.cli import main; main()", "inference", "rebalance"]
    command += [str(tmp_path / "model"), "--nodes", "2", "--dry-run", "--json", "--sessions", "4", "--tokens", "8000"]
    environment = {**os.environ, "STRATA_HOME": str(tmp_path / "home")}
    done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=200, check=False)
    assert done.returncode == 0, done.stderr
    (line,) = done.stdout.splitlines()
    found = json.loads(line)
    assert found["dry_run"] is True
    assert found["decision"] in {"move", "stay"}
    assert found["why"]
    held = [{"node": stage["node"], "layers": stage["layers"]} for stage in found["stages"]]
    assert [stage["node"] for stage in held] == ["node-1", "node-2"]
    assert [layer for stage in held for layer in range(stage["layers"][0], stage["layers"][1] + 1)] == [*range(LAYERS)]
    assert all(stage["seconds"] > 0 for stage in found["stages"])
    assert found["step_seconds"] > 0
    assert found["plan"] == held
    assert (found["pause_seconds"], found["judgement"]) == (None, None)
    if found["decision"] == "move":
        assert found["predicted_step_seconds"] < found["step_seconds"]
        assert found["cost"]["bytes_sent"] > 0
    homes = {str(tmp_path / "home" / "cluster-1" / node) for node in ("node-1", "node-2")}
    running = [process.info["cmdline"] or [] for process in psutil.process_iter(["cmdline"])]
    assert not [words for words in running if homes & set(words)]
