"""The parts that are served, each a process of its own: what it runs, and how to tell whether it is well."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.bootstrap import POOL, ROOT
from deployments.prefect_api import healthy

MOST_LOG_BYTES = 16 << 20  # a log that has grown beyond is put aside when its part starts
END_SECONDS = 60.0


@dataclass(frozen=True)
class Part:
    """A process to be kept up.

    module: run by `python -m` with `arguments`. health: a URL that answers 200 while it is well. starting, patience:
    seconds that it may take to be well, and that it may be unwell later on. linger: seconds that it outlives whoever
    serves it, so that others can still tell it something.
    """

    name: str
    module: str
    arguments: tuple[str, ...]
    health: str
    starting: float = 120.0
    patience: float = 60.0
    linger: float = 0.0
    settings: Mapping[str, str] = field(default_factory=dict)


class Process:
    """A part that was started; ended by `end`, and ending by itself when this process does."""

    def __init__(self, part: Part, environment: Mapping[str, str], log: Path) -> None:
        self.part = part
        self._put_aside(log)
        command = [sys.executable, "-m", "deployments.part", str(part.linger), part.module, *part.arguments]
        # A session of its own: Ctrl-C in the terminal reaches this process only, which then ends the parts in order.
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                command,
                cwd=ROOT,
                env={**environment, **part.settings},
                stdin=subprocess.PIPE,
                stdout=stream,
                stderr=stream,
                start_new_session=True,
            )
        self.pid = self._process.pid

    @property
    def status(self) -> int | None:
        """The exit status; None while it runs."""
        return self._process.poll()

    def is_well(self) -> bool:
        """Whether it answers now."""
        return self.status is None and healthy(self.part.health)

    def wait(self, seconds: float, given_up: Callable[[], bool]) -> bool:
        """Wait until it is well; False where it ended, took too long, or was given up."""
        deadline = time.monotonic() + seconds
        while self.status is None and time.monotonic() < deadline and not given_up():
            if self.is_well():
                return True
            time.sleep(0.1)
        return False

    def end(self, seconds: float = END_SECONDS) -> None:
        """Ask it to end, and insist where it has not after so many seconds."""
        if self.status is None:
            self._process.terminate()
            try:
                self._process.wait(seconds)
            except subprocess.TimeoutExpired:
                self._process.kill()
        self._process.wait()
        assert self._process.stdin is not None
        self._process.stdin.close()

    @staticmethod
    def _put_aside(log: Path) -> None:
        if log.exists() and log.stat().st_size > MOST_LOG_BYTES:
            log.replace(log.with_suffix(".old.log"))


def server(port: int) -> Part:
    """Prefect's server with its user interface."""
    return Part(
        "server",
        "deployments.prefect_server",
        (str(port),),
        f"http://127.0.0.1:{port}/api/health",
        linger=15.0,
    )


def worker(name: str, health_port: int) -> Part:
    """What runs the pipelines, each run in a process of its own."""
    return Part(
        "worker",
        "prefect",
        ("worker", "start", "--pool", POOL, "--type", "process", "--name", name, "--with-healthcheck"),
        f"http://127.0.0.1:{health_port}/health",
        patience=300.0,  # it waits for the server longer and longer while that is away
        settings={"PREFECT_WORKER_WEBSERVER_HOST": "127.0.0.1", "PREFECT_WORKER_WEBSERVER_PORT": str(health_port)},
    )


def api(port: int, fleet: tuple[str, ...] = ()) -> Part:
    """Strata's HTTP API; `fleet`: its arguments that say who answers prompts."""
    arguments = ("--host", "127.0.0.1", "--port", str(port), *fleet)
    return Part("api", "deployments.api", arguments, f"http://127.0.0.1:{port}/healthz")


def environment(home: Path, server_url: str) -> dict[str, str]:
    """What every part is told: where things lie, and where the server is. What the user has set stays."""
    port = server_url.removesuffix("/api").rpartition(":")[2]
    own = {
        "PREFECT_HOME": str(home / "prefect"),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        # In memory, its default, a server that is killed forgets who holds a place, and never gives it to another.
        "PREFECT_SERVER_CONCURRENCY_LEASE_STORAGE": "prefect.server.concurrency.lease_storage.filesystem",
        # A run that waits for another one of its deployment looks so often whether that has ended; 30 by default.
        "PREFECT_SERVER_DEPLOYMENTS_CONCURRENCY_SLOT_WAIT_SECONDS": "2",
    }
    fixed = {"STRATA_HOME": str(home), "PREFECT_API_URL": server_url, "PREFECT_SERVER_API_PORT": port}
    return own | dict(os.environ) | fixed
