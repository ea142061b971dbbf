"""A promotion or rollback killed at any of its system calls leaves a whole champion: the old one or the new one."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from tests.support.killing import can_trace

KILLS = 200
# A kill loses nothing that was written, on whichever file system; this one syncs a file at once.
MEMORY = Path("/dev/shm")


def test_promotion_and_rollback_killed_at_200_system_calls(tmp_path: Path) -> None:
    if not can_trace():
        pytest.skip("NOT TESTED: killing at system calls needs Linux and leave to trace one's children")
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else tmp_path) as folder:
        command = [sys.executable, "-m", "tests.chaos.promotion_kills", folder, str(KILLS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] == KILLS
    assert found["champions"].keys() == {"old", "new"}, "some were killed before the pointer moved and some after it"
