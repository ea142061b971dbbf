"""Run a peer in a process of its own whose memory is bounded."""

import json
import os
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

from .memory_group import DidNotFit, Parent, confine, memory_group
from .peer import Answer, Request

TIMEOUT_SECONDS = 600.0


def run_limited(request: Request, parent: Parent, nbytes: int) -> Answer:
    """The answer of a peer that takes no more than `nbytes` of memory; raises DidNotFit, or RuntimeError."""
    here = Path(__file__).parent.parent
    path = os.pathsep.join([str(here), *filter(None, [os.environ.get("PYTHONPATH")])])
    log = Path(request.scratch) / "log"
    # As the nodes have it (see LocalCluster): spinning threads would take the cores from the thread that reads.
    with (
        log.open("wb") as errors,
        memory_group(parent, request.kind) as group,  # at its end kills the process, however this block ends
        subprocess.Popen(
            [sys.executable, "-m", "support.peer"],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=errors,
            env={**os.environ, "PYTHONPATH": path, "OMP_WAIT_POLICY": "PASSIVE"},
            start_new_session=True,
        ) as process,
    ):
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(asdict(request)).encode() + b"\n")
            process.stdin.flush()
            if process.stdout.readline().strip() != b"ready":
                raise RuntimeError(f"{request.kind}: {_last_line(log)}")  # noqa: TRY301
            room = confine(group, process.pid, nbytes)
            out, _ = process.communicate(f"{room}\n".encode(), timeout=TIMEOUT_SECONDS)
        except BaseException:
            process.kill()
            raise
    if process.returncode == -9:
        raise DidNotFit("the kernel killed it for want of memory")
    if process.returncode != 0:
        why = _last_line(log)
        raise DidNotFit(why) if why.startswith("MemoryError") else RuntimeError(f"{request.kind}: {why}")
    return Answer(**json.loads(out.splitlines()[-1]))


def _last_line(log: Path) -> str:
    lines = log.read_text(errors="replace").strip().splitlines()
    return lines[-1] if lines else "it said nothing"
