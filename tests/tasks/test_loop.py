"""What ends a run from outside, by a signal, ends the loop as a cancellation does, and is raised as itself."""

import signal
import threading
from asyncio import CancelledError
from contextvars import ContextVar

import pytest
import trio
import trio.testing
from prefect.exceptions import TerminationSignal

from strata.errors import StrataError
from tasks import loop

ENDINGS = [KeyboardInterrupt, lambda: TerminationSignal(signal.SIGTERM), CancelledError]
number: ContextVar[int] = ContextVar("number")


@pytest.fixture(params=ENDINGS, ids=["Ctrl-C", "SIGTERM", "timeout"])
def alarm(request: pytest.FixtureRequest):
    """SIGUSR1 raises the ending, as Prefect's handlers of signals do."""
    ending = request.param()

    def raise_it(*_: object) -> None:
        raise ending

    before = signal.signal(signal.SIGUSR1, raise_it)
    yield ending
    signal.signal(signal.SIGUSR1, before)


def strike() -> None:
    signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)


def test_a_signal_unwinds_all_tasks(alarm: BaseException) -> None:
    unwound: list[str] = []

    async def wait(name: str) -> None:
        try:
            await trio.sleep_forever()
        finally:
            unwound.append(name)

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(wait, "one")
            nursery.start_soon(wait, "other")
            await trio.testing.wait_all_tasks_blocked()
            strike()

    for _ in range(2):  # the second time shows that the first one has left nothing behind
        with pytest.raises(type(alarm)) as caught:
            loop.run(main)
        assert caught.value is alarm
        assert sorted(unwound) == ["one", "other"]
        unwound.clear()


def test_what_is_busy_is_ended_when_it_waits(alarm: BaseException) -> None:
    done: list[int] = []

    async def main() -> None:
        strike()
        done.append(sum(range(100_000)))
        await trio.sleep_forever()

    with pytest.raises(type(alarm)):
        loop.run(main)
    assert len(done) == 1


def test_what_comes_from_within_stays_as_it_is() -> None:
    async def fail() -> None:
        raise StrataError("no")

    async def main() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)

    with pytest.raises(ExceptionGroup) as caught:
        loop.run(main)
    assert [str(each) for each in caught.value.exceptions] == ["no"]


def test_a_value_comes_back_and_the_context_goes_in() -> None:
    async def main(more: int) -> int:
        await trio.lowlevel.checkpoint()
        return number.get() + more

    token = number.set(1)
    assert loop.run(main, 1) == 2
    number.reset(token)


def test_in_another_thread_it_runs_where_it_is() -> None:
    async def where() -> int:
        await trio.lowlevel.checkpoint()
        return threading.get_ident()

    found: list[tuple[int, int]] = []
    thread = threading.Thread(target=lambda: found.append((loop.run(where), threading.get_ident())))
    thread.start()
    thread.join()
    ((inside, outside),) = found
    assert inside == outside
