"""Many sessions that wait for the same busy nodes do not keep these busy with questions."""

import pytest
import trio
import trio.testing

from strata.inference.protocol.messages import Progress
from strata.inference.run.watchdog import StepClock, watch

pytestmark = pytest.mark.anyio

ANSWER_SECONDS = 0.2


class Busy:
    """A client whose node takes a while to answer; how many are asked at a time, and how often in all."""

    def __init__(self) -> None:
        self.asking = trio.Lock()
        self.now = self.most = self.asked = 0

    async def probe(self) -> None:
        pass

    async def request(self, message, seconds: float) -> Progress:
        self.now += 1
        self.asked += 1
        self.most = max(self.most, self.now)
        await trio.sleep(ANSWER_SECONDS)
        self.now -= 1
        return Progress(taken=5, computed=4, sent=4)


async def test_they_ask_one_after_the_other_and_not_when_their_step_has_come() -> None:
    clients, clocks = [Busy(), Busy()], [StepClock() for _ in range(24)]
    clock = trio.testing.MockClock(autojump_threshold=0)

    async def run() -> None:
        with trio.move_on_after(20):
            async with trio.open_nursery() as nursery:
                for number, each in enumerate(clocks):
                    each.begin(trio.current_time())
                    nursery.start_soon(watch, f"{number:032}", clients, each)
                await trio.sleep(10)
                before = clients[0].asked
                for each in clocks:
                    each.end(trio.current_time())
                await trio.sleep(10)
                assert clients[0].asked <= before + 1
        assert [client.most for client in clients] == [1, 1]
        assert before <= 10 / ANSWER_SECONDS + 1

    await trio.to_thread.run_sync(lambda: trio.run(run, clock=clock))
