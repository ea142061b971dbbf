"""A migration of 300 files, killed at any operation: a resumption finishes it, a rollback brings back every byte."""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path

KILLS = 200
# A kill loses nothing that was written, on whichever file system; this one syncs a file at once.
MEMORY = Path("/dev/shm")


def test_a_migration_of_300_files_killed_200_times(tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(dir=MEMORY if os.access(MEMORY, os.W_OK) else tmp_path) as folder:
        command = [sys.executable, "-m", "tests.chaos.migration_kills", folder, str(KILLS)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["kills"] >= KILLS
    assert found["killed"].keys() == {"migrate", "roll_back"}
