"""Processes that use one ledger at once: `movers.py move|hold URL NAME`. Each waits for a line before it begins.

`move` moves the champion again and again, from wherever it stands, and prints how often it came first and how often it
did not. `hold` takes the ledger's lock, prints a line, and keeps it until it is killed or reads another line.
"""

import hashlib
import json
import sys

from strata.store import ChampionLog, Explanation, PointerMoved

TURNS = 40


def move(url: str, name: str) -> None:
    won = lost = 0
    with ChampionLog(url) as log:
        sys.stdin.readline()
        while won < TURNS:
            there = log.standing()
            digest = hashlib.sha256(f"{name} {won}".encode()).hexdigest()
            try:
                log.move(digest, expected=there and there.digest, why=Explanation("promotion", f"{name} {won}"))
            except PointerMoved:
                lost += 1
            else:
                won += 1
    print(json.dumps({"won": won, "lost": lost}))


def hold(url: str, name: str) -> None:
    with ChampionLog(url) as log:
        sys.stdin.readline()
        with log.alone(name) as held:
            print(held, flush=True)
            sys.stdin.readline()


if __name__ == "__main__":
    {"move": move, "hold": hold}[sys.argv[1]](sys.argv[2], sys.argv[3])
