"""The start of `strata --help`, against an interpreter that does nothing, which is also its limit.

Both are started by turns, and what counts is the median. What must hold: it is there in less than 0.3 seconds.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time

MUST = 0.3  # seconds
OURS = "from strata.cli import main; main(['--help'])"
PEER = "pass"


def seconds(code: str) -> tuple[float, float]:
    """Of one start, to its end: by the clock, and of the processor, which a busy machine does not make longer."""
    start, before = time.perf_counter(), resource.getrusage(resource.RUSAGE_CHILDREN)
    subprocess.run([sys.executable, "-c", code], check=True, stdout=subprocess.DEVNULL)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return time.perf_counter() - start, after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--starts", type=int, default=30)
    arguments = parser.parse_args()
    for code in (OURS, PEER):
        seconds(code)  # from now on its files are in the page cache, and its bytecode is on disk
    ours, peer = [], []
    for _ in range(arguments.starts):
        ours.append(seconds(OURS))
        peer.append(seconds(PEER))
    middle, processor = (statistics.median(each) for each in zip(*ours, strict=True))
    bare, _ = (statistics.median(each) for each in zip(*peer, strict=True))
    worst = max(clock for clock, _ in ours)
    print(
        f"strata --help {middle:.3f} s (at most {worst:.3f}, {processor:.3f} of processor), python -c pass {bare:.3f} s"
    )
    result = {
        "name": "startup",
        "ours": middle,
        "peer": bare,
        "unit": "s",
        "ratio": bare / middle,
        "limit": bare,
        "peer_name": "python -c pass",
        "worst": worst,
        "processor": processor,
        "starts": arguments.starts,
        "must": MUST,
        "holds": middle < MUST,
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
