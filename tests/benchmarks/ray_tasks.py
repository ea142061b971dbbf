"""What a task on a Ray cluster costs beside its work, which here is none.

    ours    seconds of a Prefect task from submission to result, by prefect-ray on a local cluster
    peer    the same by Prefect's own pool of processes
    limit   the same call as a bare task of Ray, of which Prefect knows nothing

One task at a time, the first of each way left out (`first_*`: it starts a process). Also how long the cluster takes to
start, and the memory that its processes take with one idle worker (each shared page counted once among its sharers).
Skipped loudly where Ray or prefect-ray is not installed.
"""

import argparse
import json
import os
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any


def timed(call: Callable[[], Any], repeats: int) -> tuple[float, list[float]]:
    """Seconds of the first call, and of each of the others."""
    found = []
    for _ in range(repeats + 1):
        begun = time.perf_counter()
        assert call() == 7
        found.append(time.perf_counter() - begun)
    return found[0], found[1:]


def resident() -> int:
    """Proportional bytes of all processes that this one started, and theirs."""
    import psutil

    found = 0
    for process in psutil.Process().children(recursive=True):
        try:
            if "ray" in " ".join(process.cmdline()).lower():
                found += process.memory_full_info().pss
        except psutil.NoSuchProcess:
            continue
    return found


def measure(repeats: int) -> dict[str, Any]:
    """All ways, in one flow."""
    from prefect import flow, task
    from prefect.cache_policies import NO_CACHE
    from prefect.task_runners import ProcessPoolTaskRunner
    from prefect_ray import RayTaskRunner

    from strata.ray_cluster import connected

    @task(cache_policy=NO_CACHE)
    def add(one: int, other: int) -> int:
        return one + other

    def by(runner: Any) -> Callable[[], Any]:
        return lambda: runner.submit(add, {"one": 3, "other": 4}).result()

    found: dict[str, Any] = {}

    @flow
    def both() -> None:
        begun = time.perf_counter()
        with connected("local") as ray:
            found["start"] = time.perf_counter() - begun
            bare = ray.remote(lambda one, other: one + other)
            found["bare"] = timed(lambda: ray.get(bare.remote(3, 4)), repeats)
            with RayTaskRunner() as runner:
                found["ray"] = timed(by(runner), repeats)
                found["resident"] = resident()
        with ProcessPoolTaskRunner(max_workers=1) as runner:
            found["pool"] = timed(by(runner), repeats)

    both()
    return found


def main() -> None:
    """Measure, print, and end with one line of JSON."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=50)
    arguments = parser.parse_args()
    missing = [name for name in ("ray", "prefect_ray") if find_spec(name) is None]
    if missing:
        print(f"NOT MEASURED: {', '.join(missing)} not installed (the extra `ray`)")
        sys.exit(0)
    with tempfile.TemporaryDirectory() as folder:
        os.environ |= {"PREFECT_HOME": folder, "PREFECT_SERVER_ANALYTICS_ENABLED": "false", "DO_NOT_TRACK": "1"}
        os.environ |= {"PREFECT_LOGGING_LEVEL": "CRITICAL"}
        from prefect.testing.utilities import prefect_test_harness

        with prefect_test_harness(server_startup_timeout=120):
            found = measure(arguments.repeats)
    ours, peer, limit = (statistics.median(found[name][1]) for name in ("ray", "pool", "bare"))
    for name, seconds in (("prefect-ray", ours), ("pool of processes", peer), ("bare task of Ray", limit)):
        print(f"{name}: median {seconds * 1000:.1f} ms a task")
    report = {
        "name": Path(__file__).stem,
        "ours": ours,
        "peer": peer,
        "unit": "s a task that does nothing",
        "ratio": peer / ours,
        "limit": limit,
        "peer_name": "Prefect's ProcessPoolTaskRunner",
        "cluster_start": found["start"],
        "first_task": found["ray"][0],
        "first_bare_task": found["bare"][0],
        "first_task_of_pool": found["pool"][0],
        "cluster_bytes": found["resident"],
        "repeats": arguments.repeats,
    }
    print(json.dumps(report))


if __name__ == "__main__":
    main()
