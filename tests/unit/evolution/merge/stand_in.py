"""A worker without mergekit, which starts at once: the same protocol, and children that are copies of a parent.

What it does is said by the seed of the order: `HANG`, `DIE`, or else it answers.
"""

import json
import os
import shutil
import signal
import sys
import threading
from pathlib import Path

HANG, DIE, FULL, NEVER_STARTS = 1001, 1002, 1003, "NEVER_STARTS"


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if os.environ.get(NEVER_STARTS):
        sys.exit("no mergekit here")
    engine = {"mergekit": "0", "torch": "0", "capability": "none", "threads": int(sys.argv[3])}
    print(json.dumps({"hello": engine, "peak_bytes": 1000}), flush=True)
    for line in sys.stdin:
        order = json.loads(line)
        (Path(order["out"])).mkdir()
        if order["seed"] == DIE:
            os.kill(os.getpid(), signal.SIGKILL)
        if order["seed"] == HANG:
            threading.Thread(target=_watch, daemon=True).start()
            threading.Event().wait()
        if order["seed"] == FULL:
            print(json.dumps({"kind": "disk-full", "detail": "No space left"}), flush=True)
            continue
        answer = {"digest": f"child of {os.getpid()}", "seconds": 0.1, "peak_bytes": 2000}
        print(json.dumps(answer), flush=True)


def _watch() -> None:
    sys.stdin.read()
    shutil.rmtree(sys.argv[2], ignore_errors=True)
    os._exit(0)


if __name__ == "__main__":
    main()
