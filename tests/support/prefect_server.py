"""A Prefect server and a worker as processes of their own: with triggers, schedules and suspended runs, as deployed."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
import uuid
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
POLL_SECONDS = 0.2
ENDED = frozenset({"COMPLETED", "FAILED", "CRASHED", "CANCELLED"})  # types of states that a run does not leave
PATIENCE_SECONDS = 180  # a request may fail for this long: a server may be starting on a busy machine


def python(environment: Mapping[str, str], *arguments: str, log: Path) -> "subprocess.Popen[bytes]":
    """Start `python -m ...` at the root of the checkout."""
    with log.open("ab") as stream:
        command = [sys.executable, "-m", *arguments]
        return subprocess.Popen(
            command, cwd=ROOT, env=environment, stdin=subprocess.DEVNULL, stdout=stream, stderr=stream
        )


@contextmanager
def process(environment: Mapping[str, str], *arguments: str, log: Path) -> Iterator["subprocess.Popen[bytes]"]:
    """`python -m ...`, ended with the block: asked first, then killed."""
    started = python(environment, *arguments, log=log)
    try:
        yield started
    finally:
        started.terminate()
        try:
            started.wait(20)
        except subprocess.TimeoutExpired:
            started.kill()
            started.wait()


class Api:
    """Requests to a server's API, as the user interface makes them. Each may be repeated, so each is until answered."""

    def __init__(self, url: str, log: Path) -> None:
        self.url = url
        self.log = log

    def healthy(self) -> bool:
        """Whether the server answers now."""
        try:
            return bool(self._once("/health", None))
        except OSError:
            return False

    def get(self, path: str) -> Any:
        """The JSON at a path."""
        return self._ask(path, None)

    def post(self, path: str, body: Mapping[str, Any]) -> Any:
        """What a server answers to a JSON body."""
        return self._ask(path, json.dumps(body).encode())

    def create_run(self, deployment: str, parameters: Mapping[str, Any]) -> None:
        """Start a run of the deployment of that name: one, however often it is asked for."""
        found = self.get(f"/deployments/name/{deployment}/{deployment}")
        body = {"parameters": {"parameters": parameters}, "idempotency_key": str(uuid.uuid4())}
        self.post(f"/deployments/{found['id']}/create_flow_run", body)

    def pause_schedules(self) -> None:
        """Have nothing start by the clock: a test that runs at two in the morning would meet the nightly evolution."""
        for deployment in self.post("/deployments/filter", {}):
            self.post(f"/deployments/{deployment['id']}/pause_deployment", {})

    def runs_of(self, deployment: str) -> list[dict[str, Any]]:
        """Runs of the deployment of that name, the oldest first."""
        wanted = {"deployments": {"name": {"any_": [deployment]}}, "sort": "EXPECTED_START_TIME_ASC"}
        return [run for run in self.post("/flow_runs/filter", wanted) if not run["auto_scheduled"]]

    def artifact(self, key: str) -> dict[str, Any] | None:
        """The latest one of that key: `latest_id` is its own."""
        found = self.post("/artifacts/latest/filter", {"artifacts": {"key": {"any_": [key]}}})
        return found[0] if found else None

    def _ask(self, path: str, body: bytes | None) -> Any:
        deadline = time.monotonic() + PATIENCE_SECONDS
        while True:
            try:
                return self._once(path, body)
            except OSError as error:
                # 503 is what the server answers while its SQLite file is locked; nothing was done then.
                refused = isinstance(error, urllib.error.HTTPError) and error.code != 503
                if refused or time.monotonic() > deadline:
                    last = "\n".join(self.log.read_text(errors="replace").splitlines()[-40:])
                    raise AssertionError(f"{path}: {error}; the server's last words:\n{last}") from error
            time.sleep(POLL_SECONDS)

    def _once(self, path: str, body: bytes | None) -> Any:
        request = urllib.request.Request(self.url + path, data=body, headers={"Content-Type": "application/json"})
        with urllib.request.urlopen(request, timeout=30) as answer:
            data = answer.read()
        return json.loads(data) if data else None


def until(found: Callable[[], Any], seconds: float, what: str) -> Any:
    """What `found` returns once it is something; raises AssertionError after so many seconds."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if answer := found():
            return answer
        time.sleep(POLL_SECONDS)
    raise AssertionError(f"not within {seconds:g} s: {what}")


@contextmanager
def prefect_server(home: Path, **settings: str) -> Iterator[tuple[Api, dict[str, str]]]:
    """A server on a free port, and the environment in which commands use it; ended with the block."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    log = home / "server.log"
    api = Api(f"http://127.0.0.1:{port}/api", log)
    bare = {name: value for name, value in os.environ.items() if not name.startswith("PREFECT")}
    environment = bare | {
        "PREFECT_HOME": str(home),
        "PREFECT_API_URL": api.url,
        "PREFECT_SERVER_API_PORT": str(port),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "PREFECT_UI_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "OMP_NUM_THREADS": "1",
        **settings,
    }
    home.mkdir(parents=True, exist_ok=True)
    with process(environment, "deployments.prefect_server", str(port), log=log):
        until(api.healthy, PATIENCE_SECONDS, f"the server answers, see {log}")
        yield api, environment
