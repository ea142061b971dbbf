"""Who holds up a session: asked when a step is late, so that a stage that hangs is noticed as surely as one that died.

A node that does not answer a ping is lost. Where all answer, each stage says how far it is, and the first is to blame
that lacks what the one before it has sent (the link between them carries nothing), or that has computed for too long.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import trio

from strata.inference.protocol.messages import GetProgress, Progress
from strata.inference.run.concurrent import each
from strata.inference.run.errors import NodeLost, RequestRefused
from strata.inference.run.peers import NodeClient

LATE_SECONDS = 0.3  # after so long, or several times the longest step so far, everybody is asked
LATE_FACTOR = 4.0
ASK_SECONDS = 0.25  # and again so long after they have answered
REPLY_SECONDS = 5.0
FIRST_STEP_SECONDS = 300.0  # a prompt may be long
LOST_SECONDS = 2.0  # what has been sent so long ago has arrived, or will not
STEP_SECONDS = 10.0
STEP_FACTOR = 30.0


@dataclass
class StepClock:
    """How long steps take, and since when the present one is under way (seconds of trio's clock)."""

    longest: float = 0.0
    started: float | None = None
    number: int = 0

    def begin(self, now: float) -> None:
        """A step is sent off."""
        self.started = now
        self.number += 1

    def end(self, now: float) -> None:
        """It is back. The first one computes a prompt, and says nothing of those that follow."""
        if self.started is not None and self.number > 1:
            self.longest = max(self.longest, now - self.started)
        self.started = None

    def is_late(self, now: float) -> bool:
        """Whether it is worth asking where the step is."""
        return self.started is not None and now - self.started > max(LATE_SECONDS, LATE_FACTOR * self.longest)

    def is_overdue(self, now: float) -> bool:
        """Whether no honest computation takes so long."""
        limit = FIRST_STEP_SECONDS if self.number == 1 else max(STEP_SECONDS, STEP_FACTOR * self.longest)
        return self.started is not None and now - self.started > limit


def culprit(before: Sequence[Progress], now: Sequence[Progress], overdue: bool) -> tuple[int, str] | None:
    """Which stage holds up a session that was asked for its stages' progress twice, and why; None if it is too soon.

    A step that one stage had sent at the first time, and the next has still not got at the second, is lost.
    """
    for index in range(1, len(now)):
        if before[index - 1].sent > now[index].taken:
            return index, "what the stage before it sends does not arrive"
    if overdue:
        for index, progress in enumerate(now):
            if progress.taken > progress.computed:
                return index, "it does not come to an end with a step"
        return 0, "the step that it was sent has got lost"
    return None


async def watch(session: str, clients: Sequence[NodeClient], clock: StepClock) -> tuple[int, str]:
    """Wait until a stage of the session holds it up; returns which, and why."""
    before: tuple[int, float, list[Progress]] | None = None
    while True:
        await trio.sleep(ASK_SECONDS if before is not None else LATE_SECONDS / 4)
        number, now = clock.number, trio.current_time()
        if not clock.is_late(now):
            before = None
            continue
        # One after the other: many sessions that wait for busy nodes would keep them busy with questions.
        async with clients[0].asking:
            now = trio.current_time()
            if clock.number != number or clock.started is None:
                continue
            with trio.CancelScope(shield=True):  # a request that is broken off ends its link
                fault, progress = await _ask(session, clients)
        if fault is not None:
            return fault
        if clock.number != number or clock.started is None:
            continue
        if before is None or before[0] != number:
            before = number, now, progress
        elif now - before[1] >= LOST_SECONDS:
            if found := culprit(before[2], progress, clock.is_overdue(now)):
                return found
            before = number, now, progress


async def _ask(session: str, clients: Sequence[NodeClient]) -> tuple[tuple[int, str] | None, list[Progress]]:
    async def ask(index: int) -> tuple[int, str] | Progress:
        client = clients[index]
        try:
            await client.probe()
            reply = await client.request(GetProgress(session=session), seconds=REPLY_SECONDS)
        except NodeLost as error:
            return index, error.reason
        except RequestRefused:
            return Progress(taken=0, computed=0, sent=0)  # the session has come to its end there
        assert isinstance(reply, Progress)
        return reply

    answers = await each(ask, range(len(clients)))
    faults = [answer for answer in answers if isinstance(answer, tuple)]
    return (faults[0] if faults else None), [answer for answer in answers if isinstance(answer, Progress)]
