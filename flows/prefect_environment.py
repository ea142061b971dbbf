"""Prefect's settings for a run from the command line. They must stand before prefect is imported."""

import os
import sys
from pathlib import Path


def prepare(home: Path) -> None:
    """Set what a command-line run wants of Prefect, and leave alone what the user has set.

    Without `PREFECT_API_URL` Prefect starts a server of its own for the length of the run; its database lies in
    `home / "prefect"`, so that `prefect server start` with the same PREFECT_HOME shows the run later. Logs go to that
    server; the terminal belongs to the answer.
    """
    if "prefect" in sys.modules:
        raise RuntimeError("prefect was imported before its settings were made")
    defaults = {
        "PREFECT_HOME": str((home / "prefect").absolute()),
        "PREFECT_SERVER_ANALYTICS_ENABLED": "false",
        "DO_NOT_TRACK": "1",
        "PREFECT_SERVER_EPHEMERAL_STARTUP_TIMEOUT_SECONDS": "60",
    }
    if "PREFECT_LOGGING_LEVEL" not in os.environ:
        defaults["PREFECT_LOGGING_HANDLERS_CONSOLE_LEVEL"] = "CRITICAL"
    (home / "prefect").mkdir(parents=True, exist_ok=True)  # Prefect makes only the last folder of the path
    for name, value in defaults.items():
        os.environ.setdefault(name, value)
