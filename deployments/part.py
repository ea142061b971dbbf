"""A part of what `deployments.serve` runs: `python -m deployments.part SECONDS MODULE [ARGUMENT...]`.

It runs `python -m MODULE` in this process, which ends so many seconds after its standard input does. The other end of
that pipe is held by who started it: nobody leaves a part behind, not even who is killed.
"""

import os
import runpy
import signal
import sys
import threading
import time

STOP_SECONDS = 45.0  # within which it ends by itself once it is told to: a worker has its runs end first


def main() -> None:
    """Run the module; does not return before it has ended."""
    linger, module = float(sys.argv[1]), sys.argv[2]
    threading.Thread(target=_end_with_stdin, args=(linger,), name="end-with-stdin", daemon=True).start()
    sys.argv = sys.argv[2:]
    runpy.run_module(module, run_name="__main__", alter_sys=True)


def _end_with_stdin(linger: float) -> None:
    while os.read(0, 4096):
        pass
    time.sleep(linger)
    os.kill(os.getpid(), signal.SIGTERM)
    time.sleep(STOP_SECONDS)
    os._exit(1)


if __name__ == "__main__":
    main()
