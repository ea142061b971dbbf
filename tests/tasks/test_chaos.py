"""A rehearsed failure: the middle node's process is killed, once, at the piece of text that was named."""

import signal
import subprocess
import sys

from strata.inference import Plan
from strata.inference.plan import StagePlan
from tasks.chaos import killing


def _plan(*nodes: str) -> Plan:
    stages = tuple(
        StagePlan(
            node=node, first=i, last=i, weight_bytes=1, kv_bytes=1, workspace_bytes=1, seconds=0.0, link_seconds=0.0
        )
        for i, node in enumerate(nodes)
    )
    return Plan(
        model="m", objective="balance", context=8, batch=1, dtype="float32", stages=stages, value=0.0,
        lower_bound=0.0, exact=True,
    )  # fmt: skip


def test_the_middle_node_dies_and_the_text_goes_on() -> None:
    heard: list[str] = []
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        on_text = killing(lambda row, piece: heard.append(piece), 2, _plan("a", "b", "c"), {"b": process.pid})
        on_text(0, "one")
        assert process.poll() is None
        on_text(0, "two")
        assert process.wait(10) == -signal.SIGKILL
        on_text(0, "three")
        assert heard == ["one", "two", "three"]
    finally:
        process.kill()
        process.communicate()
