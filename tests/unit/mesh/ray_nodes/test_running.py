"""One process keeps nodes up for a home; another ends it."""

import subprocess
import sys
from pathlib import Path

import pytest

from strata.errors import StrataError
from strata.mesh import AlreadyUp, being_up, take_down

SCRIPT = """
import signal, sys
from pathlib import Path
from strata.mesh import being_up
{before}
with being_up(Path(sys.argv[1])):
    print("up", flush=True)
    signal.pause()
"""


def start(home: Path, before: str = "") -> "subprocess.Popen[str]":
    script = SCRIPT.format(before=before)
    process = subprocess.Popen([sys.executable, "-c", script, str(home)], stdout=subprocess.PIPE, text=True)
    assert process.stdout is not None
    assert process.stdout.readline() == "up\n"
    return process


def test_it_is_told_to_end_and_waited_for(tmp_path: Path):
    assert not take_down(tmp_path)  # nobody has been up
    with start(tmp_path) as process:
        with pytest.raises(AlreadyUp, match="strata mesh down"), being_up(tmp_path):
            pass
        assert take_down(tmp_path)
        assert process.wait() < 0
    assert not take_down(tmp_path)
    with being_up(tmp_path):
        pass


def test_one_that_does_not_end_is_told_of(tmp_path: Path):
    with start(tmp_path, "signal.signal(signal.SIGTERM, signal.SIG_IGN)") as process:
        with pytest.raises(StrataError, match=f"process {process.pid} has not ended within 0.2 s"):
            take_down(tmp_path, 0.2)
        process.kill()
