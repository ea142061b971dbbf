"""`python -m deployments.serve` as a process of its own, with ports of its own, and what of it still runs."""

import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import psutil

from strata.settings import Settings
from tasks.family import family
from tests.support.prefect_server import ROOT, Api

START_SECONDS = 180


def free_port() -> int:
    """A port that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@dataclass
class Served:
    """What serves a home. told: what it printed when all was up."""

    home: Path
    environment: dict[str, str]
    process: "subprocess.Popen[str]"
    told: dict[str, Any]

    @property
    def api(self) -> Api:
        """Prefect's."""
        return Api(self.told["prefect_api"], self.home / "logs" / "server.log")

    @property
    def settings(self) -> Settings:
        """As its parts and flows have them."""
        return Settings(STRATA_HOME=self.home)

    def part(self, name: str) -> psutil.Process:
        """The process of a part, as it is now. Raises LookupError while it is down."""
        for process in self.family():
            with suppress(psutil.Error):
                line = " ".join(process.cmdline())
                if "deployments.part" in line and f" {_MODULES[name]}" in line:
                    return process
        raise LookupError(name)

    def family(self) -> list[psutil.Process]:
        """Every process of this home, whoever its parent is: each has inherited where the home is."""
        found = []
        for process in psutil.process_iter():
            with suppress(psutil.Error):
                if process.environ().get("STRATA_HOME") == str(self.home) and process.pid != os.getpid():
                    found.append(process)
        return found

    def run_processes(self, run: str) -> list[psutil.Process]:
        """The processes of a flow run."""
        return list(family([run]))

    def stop(self, number: int = signal.SIGTERM, seconds: float = 90) -> int:
        """Tell it to end; returns its exit status."""
        self.process.send_signal(number)
        self.process.communicate(timeout=seconds)
        return self.process.returncode


def command(process: psutil.Process) -> list[str]:
    """Its command line; empty where it is gone."""
    with suppress(psutil.Error):
        return list(process.cmdline())
    return []


_MODULES = {"server": "deployments.prefect_server", "worker": "prefect worker start", "api": "deployments.api"}


def environment(home: Path, **settings: str) -> dict[str, str]:
    """Without a server of the user's; quick to look for runs, and light on threads."""
    bare = {name: value for name, value in os.environ.items() if not name.startswith(("PREFECT", "STRATA"))}
    quick = {"STRATA_HOME": str(home), "OMP_NUM_THREADS": "1", "PREFECT_WORKER_QUERY_SECONDS": "1"}
    return bare | quick | settings


def start(home: Path, *options: str, **settings: str) -> "subprocess.Popen[str]":
    """Start it, and do not wait."""
    command = [sys.executable, "-m", "deployments.serve", "--json", *options]
    with (home.parent / "serve.log").open("a") as log:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env=environment(home, **settings),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
            start_new_session=True,
        )


@contextmanager
def served(home: Path, *options: str, nodes: int | None = 0, **settings: str) -> Iterator[Served]:
    """Serve a home for the length of the block; whatever is left of it then is killed.

    nodes: that are started; None where the options name a mesh.
    """
    usual = ("--ui-port", str(free_port()), "--api-port", str(free_port()))
    if nodes is not None:
        usual = (*usual, "--nodes", str(nodes))
    process = start(home, *usual, *options, **settings)
    assert process.stdout is not None
    serving = Served(home, environment(home, **settings), process, {})
    try:
        line = process.stdout.readline()
        assert line, (home.parent / "serve.log").read_text()
        serving.told = json.loads(line)
        yield serving
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
        for left in serving.family():
            with suppress(psutil.Error):
                left.kill()
