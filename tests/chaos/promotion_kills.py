"""Promotes and rolls back in children that are killed at seeded system calls, and checks what each one left behind.

Run as `python -m tests.chaos.promotion_kills FOLDER KILLS`; prints one JSON object. A process of its own, because it
forks, and a test's process has threads.
"""

import json
import random
import sys
from collections import Counter
from itertools import pairwise
from pathlib import Path

from strata.evolution.lineage import Championship, verify_model
from strata.store import IncidentLog, Ledger, Lineage, Store
from tests.support.killing import run_until
from tests.support.lineage import enter, put_files

SEED = 20260301
TURNS = 50  # of one world: its history is read again and again
POINTER = "evolution.champion"


class World:
    """A store and a ledger on disk, and two models that are champion by turns. Its checks raise AssertionError."""

    def __init__(self, root: Path) -> None:
        self.store, self.ledger = Store(root / "store"), f"sqlite:///{root / 'ledger.sqlite'}"
        self._models = [self.weights(index) for index in range(2)]
        self._open: Championship | None = None
        self._turn = 0
        with Ledger(self.ledger) as ledger, Championship(self.store, ledger) as championship:
            enter(Lineage(ledger), *self._models)
            championship.promote(self._models[0], expected=None, reason="the first")

    def weights(self, index: int) -> str:
        """Put one of the models, or mend what the collector took of it."""
        return put_files(self.store, f"weights {index}".encode() * 1000)

    def open_again(self) -> None:
        """In the child, before its system calls are counted: opening changes nothing."""
        self._open = Championship(self.store, self.ledger)

    def promote_and_roll_back(self) -> None:
        """What is killed: from the first model to the second and back."""
        old, new = self._models
        assert self._open is not None
        self._open.promote(new, expected=old, reason="better", judgement={"turn": self._turn})
        self._open.rollback(reason="found worse", kind="regression", expected=new)
        self._open.close()

    def check(self) -> str:
        """That the champion is the old one or the new, and whole, whatever is collected, and that all goes on.

        Returns "old" or "new". What was broken off is done again, and its incident ends.
        """
        old, new = self._models
        self._turn += 1
        with Ledger(self.ledger) as ledger, Championship(self.store, ledger) as championship:
            pointer, moves = ledger.pointer(POINTER), ledger.history(POINTER)
            assert pointer is not None
            assert pointer.digest in (old, new), "the champion is a third one"
            assert (pointer.revision, pointer.digest) == (moves[0].revision, moves[0].digest)
            assert [move.revision for move in moves] == list(range(len(moves), 0, -1))
            assert all(later.previous == earlier.digest for later, earlier in pairwise(moves))
            explained = [change.revision for change in championship.history()]
            assert explained == [move.revision for move in moves], "a move without its explanation"
            self.store.gc(0, ledger.digests())
            verify_model(self.store, pointer.digest)
            assert self.store.verify().sound
            assert not list(self.store.layout.staging.glob("*"))
            for index in range(2):
                self.weights(index)
            assert championship.promote(new, expected=pointer.digest, reason="again").digest == new
            assert championship.rollback(reason="again", kind="regression", expected=new).target == old
            assert IncidentLog(ledger).open_ones("evolution") == ()
        return "old" if pointer.digest == old else "new"


def main() -> None:
    """Count the system calls of one whole turn, then kill at random ones."""
    root, kills = Path(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(SEED)
    found: Counter[str] = Counter()
    for first in range(0, kills, TURNS):
        world = World(root / str(first))
        whole = run_until(world.open_again, world.promote_and_roll_back, None)
        assert (whole.code, world.check()) == (0, "old")
        while found.total() < min(first + TURNS, kills):
            stop = rng.randint(1, whole.stops)
            ending = run_until(world.open_again, world.promote_and_roll_back, stop)
            assert ending.code in (-9, 0), "neither killed nor done: it takes a system call less now and then"
            try:
                champion = world.check()
            except BaseException:
                print(f"after a kill at stop {stop} of {whole.stops}:", file=sys.stderr)
                raise
            found[champion] += ending.code == -9
    print(json.dumps({"kills": found.total(), "stops": whole.stops, "champions": found}))


if __name__ == "__main__":
    main()
