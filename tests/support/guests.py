"""Members that hold connections: `python -m tests.support.guests KIND FOLDER PORT FIRST LAST`.

Guests FIRST up to LAST open one each, to a `tests.support.besieged` of that KIND; a line says how many there are. For
each line of standard input all of them ask something, and a line says how many were answered.
"""

import resource
import sys
from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from pathlib import Path

import trio

from strata.mesh import Roster, dial, read_membership
from strata.secure import Identity
from tests.support.besieged import HOST, NAME, key
from tests.support.raw_peer import raw_peer

AT_ONCE = 16  # dials
Ask = Callable[[], Awaitable[bool]]


def raise_file_limit(files: int) -> bool:
    """Let this process, and those it starts, have so many files open; whether it may."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if hard != resource.RLIM_INFINITY and hard < files:
        return False
    if soft != resource.RLIM_INFINITY and soft < files:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, hard))
    return True


async def link(roster: Roster, guest: Identity, besieged: str, port: int, stack: AsyncExitStack) -> Ask:
    """A direct link."""
    made = await dial(guest, roster, besieged, f"{HOST}:{port}", timeout=60)
    stack.push_async_callback(made.aclose)

    async def ask() -> bool:
        question = guest.peer_id.encode()
        await made.send(question)
        return await made.receive() == question

    return ask


async def connection(roster: Roster, guest: Identity, besieged: str, port: int, stack: AsyncExitStack) -> Ask:
    """A connection to a host of libp2p."""
    stream = await trio.open_tcp_stream(HOST, port)
    peer = await stack.enter_async_context(raw_peer(guest, roster.membership, besieged, stream))

    async def ask() -> bool:
        return await peer.pings()

    return ask


async def _main(kind: str, folder: Path, port: int, first: int, last: int) -> None:
    roster = Roster(read_membership(folder / "mesh"))
    besieged = key(NAME).peer_id
    guests = [key(f"guest-{number}") for number in range(first, last)]
    asks: list[Ask] = []
    turns = trio.CapacityLimiter(AT_ONCE)
    async with AsyncExitStack() as stack:

        async def hold(guest: Identity) -> None:
            async with turns:
                asks.append(await (link if kind == "links" else connection)(roster, guest, besieged, port, stack))

        async with trio.open_nursery() as nursery:
            for guest in guests:
                nursery.start_soon(hold, guest)
        print(len(asks), flush=True)
        while await trio.to_thread.run_sync(sys.stdin.readline):
            answered = []

            async def one(ask: Ask, answered: list[bool] = answered) -> None:
                answered.append(await ask())

            async with trio.open_nursery() as nursery:
                for ask in asks:
                    nursery.start_soon(one, ask)
            print(sum(answered), flush=True)


if __name__ == "__main__":
    raise_file_limit(4096)
    trio.run(_main, sys.argv[1], Path(sys.argv[2]), *map(int, sys.argv[3:6]))
