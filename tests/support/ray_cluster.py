"""A Ray cluster of one machine, on loopback, as `ray start` makes one; its processes, and what they started."""

import os
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path

import psutil
import pytest

ROOT = Path(__file__).resolve().parents[2]
HERE = {
    "RAY_USAGE_STATS_ENABLED": "0",
    "RAY_ENABLE_AUTO_CONNECT": "0",
    "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",  # on loopback
    "RAY_AUTH_MODE": "token",
    "RAY_AUTH_TOKEN": "5f" * 32,
    "PYTHONPATH": os.pathsep.join(map(os.path.abspath, (ROOT / "src", ROOT, *filter(None, sys.path)))),
}
MEMORY = 6 << 30  # that the cluster says it has; what is placed here takes less than it asks for
END_SECONDS = 60

needs_ray = pytest.mark.skipif(find_spec("ray") is None, reason="NOT TESTED: Ray is not installed (the extra `ray`)")
needs_prefect_ray = pytest.mark.skipif(
    find_spec("prefect_ray") is None, reason="NOT TESTED: prefect-ray is not installed (the extra `ray`)"
)


@dataclass(frozen=True)
class RayCluster:
    """`address`: HOST:PORT; `head`: the process that started all others of it, and ends them."""

    address: str
    head: "subprocess.Popen[bytes]"

    @property
    def processes(self) -> list[psutil.Process]:
        """Of the cluster, workers and what they started among them."""
        return psutil.Process(self.head.pid).children(recursive=True)


@contextmanager
def ray_cluster(cpus: int = 2) -> Iterator[RayCluster]:
    """A cluster for the length of a block. Whatever it started is gone at its end."""
    # Ray puts sockets there, and a socket's path is short.
    with tempfile.TemporaryDirectory(prefix="r", ignore_cleanup_errors=True) as folder:
        script = [sys.executable, "-c", _START, folder, str(cpus), str(MEMORY)]
        head = subprocess.Popen(script, stdin=subprocess.PIPE, stdout=subprocess.PIPE, env={**os.environ, **HERE})
        try:
            assert head.stdout is not None
            address = head.stdout.readline().decode().strip()
            assert address, "Ray did not start"
            yield RayCluster(address, head)
        finally:
            started = psutil.Process(head.pid).children(recursive=True) if head.poll() is None else []
            head.communicate(timeout=END_SECONDS)
            _, alive = psutil.wait_procs(started, timeout=END_SECONDS)
            for process in alive:
                process.kill()


_START = """
import sys
import ray
folder, cpus, memory = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
context = ray.init(
    address="local", num_cpus=cpus, include_dashboard=False, object_store_memory=80 << 20, _memory=memory,
    _temp_dir=folder, log_to_driver=False,
)
print(context.address_info["gcs_address"], flush=True)
sys.stdin.read()
ray.shutdown()
"""


def named(text: str) -> list[psutil.Process]:
    """The processes of this machine whose command line has `text` in it."""
    found = []
    for process in psutil.process_iter(["cmdline"]):
        if text in " ".join(process.info["cmdline"] or ()) and process.pid != os.getpid():
            found.append(process)
    return found


def kill(process: psutil.Process) -> None:
    """As a power cut would."""
    process.send_signal(signal.SIGKILL)


def appears(cluster: RayCluster, text: str, seconds: float = 120.0) -> psutil.Process:
    """A process of the cluster whose command line has `text` in it, as soon as there is one."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        for process in cluster.processes:
            with suppress(psutil.NoSuchProcess):
                if text in " ".join(process.cmdline()):
                    return process
        time.sleep(0.05)
    raise AssertionError(f"no process with {text!r} within {seconds:g} s")
