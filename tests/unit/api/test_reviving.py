"""A node that goes on dying is started again later and later; who stays is forgiven."""

import pytest
import trio
import trio.testing

from strata.api.fleet import reviving
from strata.api.fleet.reviving import LOOK_SECONDS, revive

LONGEST, STEADY = 16.0, 8.0  # seconds, here


@pytest.fixture(autouse=True)
def _sooner(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reviving, "LONGEST_SECONDS", LONGEST)
    monkeypatch.setattr(reviving, "STEADY_SECONDS", STEADY)


class Mortal:
    """A cluster of one node, which lives so many seconds each time."""

    name = "node-1"

    def __init__(self, lives: float) -> None:
        self.process = self
        self.nodes = (self,)
        self.restarts: list[float] = []
        self._lives, self._dies = lives, trio.current_time() + lives

    def poll(self) -> int | None:
        return -9 if trio.current_time() >= self._dies else None

    def restart(self, name: str) -> None:
        assert name == self.name
        now = trio.from_thread.run_sync(trio.current_time)
        self.restarts.append(now)
        self._dies = now + self._lives


def waits(lives: float, seconds: float) -> list[float]:
    """Between a start and the next one, the first included."""

    async def watched() -> list[float]:
        cluster, begun = Mortal(lives), trio.current_time()
        with trio.move_on_after(seconds):
            await revive(cluster)
        return [later - earlier for earlier, later in zip([begun, *cluster.restarts], cluster.restarts, strict=False)]

    return trio.run(watched, clock=trio.testing.MockClock(autojump_threshold=0.01))


def test_who_goes_on_dying_is_left_alone_for_longer_and_longer():
    found = waits(0.0, 100)
    assert found == sorted(found)
    assert found[0] == LOOK_SECONDS
    assert found[-1] == pytest.approx(LONGEST, abs=2 * LOOK_SECONDS)


def test_who_stayed_for_a_while_is_started_at_once():
    lives = STEADY + 10
    assert waits(lives, 10 * lives) == pytest.approx([lives] * 9, abs=2 * LOOK_SECONDS)
