"""Giving back what a node holds and does not need, when its coordinator asks for it.

Sessions that nobody has fed for a while are ended, whoever opened them: their coordinators are told, and one that still
wants an answer begins a session anew, from the tokens that it has. A session that computes is not idle.
"""

from collections.abc import Awaitable, Callable

import trio

from strata.inference.node.holding import Holding
from strata.inference.node.process_memory import free_scratch, release, resident_bytes
from strata.inference.node.running import StageRun
from strata.inference.node.sessions import SessionTable
from strata.inference.node.worker import Worker
from strata.inference.protocol.messages import CleanedUp, CleanUp

ENDING_SECONDS = 2.0  # for sessions to let go of their caches
REASON = "it was idle, and a clean-up was asked for"


async def clean_up(
    order: CleanUp,
    holding: Holding,
    sessions: SessionTable[StageRun],
    worker: Worker,
    evict: Callable[[str, str], Awaitable[None]],
) -> CleanedUp:
    """End idle sessions through `evict(name, reason)`, drop standbys, and have the allocators give back what is free.

    What the shard's own sessions compute meanwhile goes on; the next product makes its scratch memory anew.
    """
    before = resident_bytes()
    holding.give_way()
    standbys, standby_bytes = len(holding.standbys), holding.standbys.nbytes
    holding.standbys.clear()
    ended, session_bytes = 0, 0
    endings: list[trio.Event] = []
    for name in sessions.idle(order.idle_seconds, trio.current_time()):
        run = sessions.get(name)
        if run is None or not run.waits:
            continue
        ended, session_bytes = ended + 1, session_bytes + run.order.kv_bytes
        endings.append(run.ended)
        del run  # whoever holds it holds its cache
        await evict(name, REASON)
    with trio.move_on_after(ENDING_SECONDS):
        for ending in endings:
            await ending.wait()
    await worker.run(free_scratch)
    await worker.run(release)
    return CleanedUp(
        resident_before=before,
        resident_after=resident_bytes(),
        sessions=ended,
        session_bytes=session_bytes,
        standbys=standbys,
        standby_bytes=standby_bytes,
    )
