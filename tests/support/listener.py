"""A process that listens for members and echoes: `python -m tests.support.listener HOME MESH PORT`.

Its keys and its memory of handshakes are in HOME, as a node's are. Prints the port when it listens; to be killed.
"""

import sys
from functools import partial
from pathlib import Path

import trio

from strata.mesh import Link, Roster, read_membership, serve
from strata.secure import Identity, ReplayCache, ReplayFile, open_ech_keys


async def echo(link: Link) -> None:
    """Send back what comes."""
    while True:
        await link.send(await link.receive())


async def main(home: Path, mesh: Path, port: int) -> None:
    """Serve until killed."""
    keys, replays = open_ech_keys(home / "ech.json"), ReplayCache(file=ReplayFile(home / "replays"))
    identity, roster = Identity.load(home / "identity.json"), Roster(read_membership(mesh))
    async with trio.open_nursery() as nursery:
        print(await nursery.start(partial(serve, identity, roster, echo, port=port, keys=keys, replays=replays)))
        sys.stdout.flush()


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), Path(sys.argv[2]), int(sys.argv[3]))
