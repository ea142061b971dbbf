"""Prefect for a run from the command line: its settings, and a server for the length of the run."""

import atexit
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable
from pathlib import Path

from strata.errors import StrataError

START_SECONDS = 60.0
STOP_SECONDS = 5.0


class ServerDidNotStart(StrataError):
    """The Prefect server that was started for a run ended, or did not answer."""


def prepare(home: Path) -> Callable[[], None]:
    """Set what a command-line run wants of Prefect, and leave alone what the user has set. Call before importing it.

    Call what is returned when the server is needed, to wait until it answers. The server's database lies in
    `home / "prefect"`: `prefect server start` with that PREFECT_HOME shows the run later. Logs go to the server; the
    terminal belongs to the answer. Where the user has chosen a server (PREFECT_API_URL), or a Prefect configuration
    that may name one, no server is started here.
    """
    if "prefect" in sys.modules:
        raise RuntimeError("prefect was imported before its settings were made")
    chosen = {"PREFECT_API_URL", "PREFECT_HOME", "PREFECT_PROFILE", "PREFECT_PROFILES_PATH"} & set(os.environ)
    defaults = {
        "PREFECT_HOME": str((home / "prefect").absolute()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    }
    if "PREFECT_LOGGING_LEVEL" not in os.environ:
        defaults["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
    Path(os.environ["PREFECT_HOME"]).mkdir(parents=True, exist_ok=True)  # Prefect makes only the path's last folder
    return (lambda: None) if chosen else _start_server(Path(os.environ["PREFECT_HOME"]))


def _start_server(folder: Path) -> Callable[[], None]:
    """Start a Prefect server as a process in a session of its own; returns what waits until it answers.

    Prefect would start one itself, but in the terminal's process group: Ctrl-C would end it before the run, whose last
    words to it are then retried for a minute and a half. This one also starts while this process is still importing.
    """
    address = f"127.0.0.1:{_free_port()}"
    # -P: this folder's modules are no top-level ones. Its stdin is a pipe from here, with whose end it ends.
    command = [sys.executable, "-P", str(Path(__file__).with_name("prefect_server.py")), address.rpartition(":")[2]]
    # What Prefect sets for the servers that it starts itself: no user interface, and only the services a run needs.
    environment = os.environ | {"PREFECT_UI_ENABLED": "0", "PREFECT__SERVER_EPHEMERAL": "1"}
    log = folder / "server.log"
    with log.open("wb") as stream:
        process = subprocess.Popen(
            command, env=environment, stdin=subprocess.PIPE, stdout=stream, stderr=stream, start_new_session=True
        )
    # Registered before Prefect is imported, so it runs after Prefect's own handlers, which send the last logs.
    atexit.register(_stop, process)
    os.environ["PREFECT_API_URL"] = f"http://{address}/api"
    return lambda: _wait(process, f"http://{address}/api/health", log)


def _stop(process: "subprocess.Popen[bytes]") -> None:
    process.terminate()
    try:
        process.wait(STOP_SECONDS)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


def _wait(process: "subprocess.Popen[bytes]", url: str, log: Path) -> None:
    """Return when the server answers; raises ServerDidNotStart."""
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline and process.poll() is None:
        try:
            with urllib.request.urlopen(url, timeout=5):  # noqa: S310 - always http to loopback
                return
        except (urllib.error.URLError, OSError):
            time.sleep(0.05)
    raise ServerDidNotStart(f"Prefect's server did not start; see {log}, or set PREFECT_API_URL to one that runs")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port
