"""A member that talks: `python -m tests.support.talker HOME MESH`.

It listens for libp2p and sends whoever opens a stream `MESSAGES` small messages, each from a task of its own. Prints
its address when it listens; to be killed.
"""

import sys
from functools import partial
from pathlib import Path

import trio

from strata.mesh import Connection, Libp2p, Roster, read_membership
from strata.secure import Identity

TALK = "/test/talk/1"
MESSAGES = 50


async def talk(connection: Connection) -> None:
    """Send them all."""
    async with trio.open_nursery() as nursery:
        for _ in range(MESSAGES):
            nursery.start_soon(connection.send, b"message")


async def main(home: Path, mesh: Path) -> None:
    """Serve until killed."""
    transport = Libp2p(Identity.load(home / "identity.json"), Roster(read_membership(mesh)), ("/ip4/127.0.0.1/tcp/0",))
    async with trio.open_nursery() as nursery:
        print(await nursery.start(partial(transport.serve, {TALK: talk})), flush=True)


if __name__ == "__main__":
    trio.run(main, Path(sys.argv[1]), Path(sys.argv[2]))
