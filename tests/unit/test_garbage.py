"""Garbage is collected in a thread of its own, and in no other."""

import subprocess
import sys

PROGRAM = """
import gc, threading
from strata.garbage import collect_apart

class Cycle:
    def __init__(self):
        self.itself = self
    def __del__(self):
        where.append(threading.current_thread().name)
        freed.set()

where, freed = [], threading.Event()
collect_apart(young=0.01, everything={everything})
if {old}:
    kept = Cycle()
    gc.collect(); gc.collect()  # it survives them, and is not young any more
    del kept
else:
    Cycle()
    for _ in range(100_000):
        [[]]  # as many as have the collector run here otherwise
    many = [[] for _ in range(100_000)]
assert freed.wait(30)
print(where)
"""


def test_what_is_young_and_what_is_old_is_freed_there():
    for old, everything in ((False, 3600.0), (True, 0.05)):
        program = PROGRAM.format(old=old, everything=everything)
        done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=False)
        assert (done.stdout, done.stderr) == ("['garbage']\n", "")
