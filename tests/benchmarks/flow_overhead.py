"""What Prefect takes beside the work: the same work as a flow of tasks on a running server, and as plain calls.

The work is hashing, the same number of bytes in each task, for so long as a stage of a small pipeline takes. By turns,
the medians count; `limit` is the work alone. Beside it an empty flow, and a task that does nothing, from within a flow:
the end of any flow waits for the thread of its heartbeats, which sleeps for whole seconds.
"""

import argparse
import hashlib
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))  # for tests.support

from tests.support.prefect_server import prefect_server  # noqa: E402

BLOCK = bytes(1 << 20)


def work(blocks: int) -> str:
    """Hash so many MiB."""
    running = hashlib.sha256()
    for _ in range(blocks):
        running.update(BLOCK)
    return running.hexdigest()


def clocked(call: Callable[[], object]) -> float:
    """Seconds that it takes."""
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def blocks_for(seconds: float) -> int:
    """How many make this machine work so long."""
    once = clocked(lambda: work(200)) / 200
    return max(1, round(seconds / once))


def measure(tasks: int, seconds: float, rounds: int) -> dict[str, float]:
    """Medians, in seconds. Imports Prefect, which reads its settings from the environment then."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE

    blocks = blocks_for(seconds)
    piece = task(work, name="work", cache_policy=NO_CACHE)

    @flow(name="overhead")
    def run(count: int, size: int) -> float:
        """Seconds that its tasks take."""
        return clocked(lambda: [piece(size) for _ in range(count)])

    def plainly(count: int, size: int) -> list[str]:
        return [work(size) for _ in range(count)]

    run(1, 1)  # the first one registers the flow
    found: dict[str, list[float]] = {"ours": [], "peer": [], "empty": [], "task": []}
    for number in range(rounds):
        found["peer"].append(clocked(lambda: plainly(tasks, blocks)))
        found["ours"].append(clocked(lambda: run(tasks, blocks)))
        found["empty"].append(clocked(lambda: run(0, 0)))
        found["task"].append(run(20, 0) / 20)
        print(f"round {number + 1}: {found['ours'][-1]:.2f} s as a flow, {found['peer'][-1]:.2f} s as plain calls")
    return {name: statistics.median(values) for name, values in found.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--tasks", type=int, default=10)
    parser.add_argument("--seconds", type=float, default=1.0, help="of work in a task")
    parser.add_argument("--rounds", type=int, default=5)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, prefect_server(Path(folder)) as (_, environment):
        os.environ.update(environment)
        os.environ["PREFECT_LOGGING_LEVEL"] = "ERROR"
        found = measure(arguments.tasks, arguments.seconds, arguments.rounds)
    result = {
        "name": "flow_overhead",
        "ours": found["ours"],
        "peer": found["peer"],
        "unit": "s",
        "ratio": found["peer"] / found["ours"],
        "limit": found["peer"],
        "peer_name": "the same calls without Prefect",
        "tasks": arguments.tasks,
        "overhead": found["ours"] - found["peer"],
        "share": 1 - found["peer"] / found["ours"],
        "empty_flow": found["empty"],
        "task": found["task"],
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
