"""The desk over a log of 100 000 incidents: its first look, and a look after something changed, beside reading it all.

The peer is what a desk without a bounded look-back does: read the whole log and make cases of it.
"""

import json
import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

from sqlalchemy import insert

from strata.store import CaseLog, IncidentLog, Ledger
from strata.store.tables import incidents
from strata.triage import Desk, read_rules, triage

COUNT = 100_000
OPEN = 500  # of them; the oldest lie outside of what is looked back over
REPEATS = 7
KINDS = [
    ("inference", "stage failed"),
    ("mesh", "dead member"),
    ("evolution", "failed children"),
    ("mesh", "other version"),
]


def fill(ledger: Ledger, count: int, seed: int = 0) -> None:
    """A log of so many: a fleet of 400 nodes, a node that flaps all the time, and some that nobody has ended."""
    rng, now = random.Random(seed), datetime.now(UTC)
    left = set(rng.sample(range(count), OPEN))
    rows = []
    for number in range(count):
        begun = now - timedelta(seconds=20.0 * (count - number))
        pipeline, kind = KINDS[rng.randrange(len(KINDS))]
        subject = "flapping" if number % 50 == 0 else f"node-{rng.randrange(400)}"
        state = "open" if number in left else "abandoned" if rng.random() < 0.02 else "resolved"
        rows.append(
            {
                "pipeline": "inference" if subject == "flapping" else pipeline,
                "kind": "stage failed" if subject == "flapping" else kind,
                "subject": subject, "detail": "its link ended", "state": state, "started": begun,
                "ended": None if state == "open" else begun + timedelta(seconds=rng.expovariate(1 / 60)),
                "response": "", "figures": {"mesh": "m"},
            }
        )  # fmt: skip
    with ledger._engine.begin() as connection:
        connection.execute(insert(incidents), rows)


def seconds(what: Callable[[], object], repeats: int = REPEATS) -> float:
    """The median of some repeats."""
    taken = []
    for _ in range(repeats):
        begun = time.perf_counter()
        what()
        taken.append(time.perf_counter() - begun)
    return statistics.median(taken)


def main() -> int:
    """Measure; the exit status."""
    rules = read_rules()
    with tempfile.TemporaryDirectory() as folder, Ledger(f"sqlite:///{Path(folder) / 'ledger.sqlite'}") as ledger:
        fill(ledger, COUNT)
        log = IncidentLog(ledger)

        def whole() -> object:
            with CaseLog(ledger) as cases:
                found = triage(log.recent(limit=COUNT), cases.decisions(), rules, datetime.now(UTC))
            return [case for case in found if case.state != "resolved"]

        desk = Desk(ledger, rules)
        first = seconds(lambda: Desk(ledger, rules).cases("unresolved"))
        desk.cases()

        def changed() -> object:
            log.begin(pipeline="mesh", kind="dead member", subject="node-1", detail="gone")
            return desk.cases("unresolved")

        after, idle = seconds(changed), seconds(desk.cases)
        peer = seconds(whole, 3)
    print(f"{COUNT} incidents, {OPEN} of them open: the first look {first:.3f} s, one after a change {after:.3f} s,")
    print(f"one where nothing changed {idle * 1000:.2f} ms; reading and triaging all of it {peer:.3f} s")
    print(
        json.dumps(
            {
                "name": "triage",
                "ours": round(after, 5),
                "peer": round(peer, 5),
                "unit": "s",
                "ratio": round(peer / after, 2),
                "limit": round(idle, 6),
                "peer_name": "the whole log read and triaged",
                "first_look": round(first, 5),
                "idle_look": round(idle, 6),
                "incidents": COUNT,
            }
        )
    )
    return 0


if __name__ == "__main__":
    sys.exit(main())
