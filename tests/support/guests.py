"""Members that hold many connections: `python -m tests.support.guests FOLDER ADDRESS FIRST LAST EACH`.

Guests FIRST up to LAST open EACH connections; a line says how many there are. For each line of standard input a record
goes over each of them, and a line says how many came back.
"""

import resource
import sys
from pathlib import Path

import trio

from strata.mesh import Link, Roster, dial, read_membership
from strata.secure import Identity
from tests.support.besieged import NAME

AT_ONCE = 16  # dials


def raise_file_limit(files: int) -> bool:
    """Let this process, and those it starts, have so many files open; whether it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        return False
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return True


async def _main(folder: Path, address: str, first: int, last: int, each: int) -> None:
    roster = Roster(read_membership(folder / "mesh"))
    besieged = Identity.load(folder / NAME).peer_id
    links: list[Link] = []
    turns = trio.CapacityLimiter(AT_ONCE)

    async def hold(identity: Identity) -> None:
        async with turns:
            links.append(await dial(identity, roster, besieged, address, timeout=60))

    async with trio.open_nursery() as nursery:
        for number in range(first, last):
            identity = Identity.load(folder / f"guest-{number}")
            for _ in range(each):
                nursery.start_soon(hold, identity)
    print(len(links), flush=True)
    while await trio.to_thread.run_sync(sys.stdin.readline):
        answered = set()

        async def ask(number: int, link: Link, answered: set[int] = answered) -> None:
            question = number.to_bytes(4, "big")
            await link.send(question)
            if await link.receive() == question:
                answered.add(number)

        async with trio.open_nursery() as nursery:
            for number, link in enumerate(links):
                nursery.start_soon(ask, number, link)
        print(len(answered), flush=True)


if __name__ == "__main__":
    raise_file_limit(4096)
    trio.run(_main, Path(sys.argv[1]), sys.argv[2], *map(int, sys.argv[3:6]))
