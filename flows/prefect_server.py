"""Prefect's server for the length of a run, as `prefect_environment` starts it: with a port, and a pipe as stdin.

It ends when the pipe does, so no run leaves it behind, not even one that is killed.
"""

import os
import signal
import sys
import threading
import time

from strata.garbage import collect_apart

STOP_SECONDS = 5.0  # within which it ends by itself; what asks it then is gone


def main() -> None:
    """Serve until SIGTERM, or until whoever started it is gone."""
    import uvicorn

    threading.Thread(target=_end_with_stdin, daemon=True).start()
    collect_apart()
    port = int(sys.argv[1])
    uvicorn.run("prefect.server.api.server:create_app", factory=True, host="127.0.0.1", port=port, log_level="error")


def _end_with_stdin() -> None:
    sys.stdin.buffer.read()
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
