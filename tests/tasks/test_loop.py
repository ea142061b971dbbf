"""What ends a run from outside ends it as itself, wherever within trio it comes out."""

import signal
import threading
from asyncio import CancelledError

import pytest
import trio
from prefect.exceptions import TerminationSignal

from strata.errors import StrataError
from tasks import loop

ENDINGS = [KeyboardInterrupt(), TerminationSignal(signal.SIGTERM), CancelledError()]


@pytest.fixture
def alarm(request: pytest.FixtureRequest):
    """SIGUSR1 raises the ending, as Prefect's handlers of signals do."""

    def raise_it(*_: object) -> None:
        raise request.param

    before = signal.signal(signal.SIGUSR1, raise_it)
    yield request.param
    signal.signal(signal.SIGUSR1, before)


@pytest.mark.parametrize("alarm", ENDINGS, indirect=True, ids=lambda ending: type(ending).__name__)
def test_while_all_tasks_wait(alarm: BaseException) -> None:
    """Then it is raised between trio's own lines, which takes that for a defect."""

    async def wait() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            waiting.set()

    waiting = threading.Event()

    def strike() -> None:
        waiting.wait()
        signal.pthread_kill(threading.main_thread().ident or 0, signal.SIGUSR1)

    thread = threading.Thread(target=strike)
    thread.start()
    with pytest.raises(type(alarm)) as caught:
        loop.run(wait)
    thread.join()
    assert caught.value is alarm


@pytest.mark.parametrize("ending", ENDINGS, ids=lambda ending: type(ending).__name__)
def test_in_a_task_of_a_nursery(ending: BaseException) -> None:
    async def strike() -> None:
        raise ending

    async def main() -> None:
        async with trio.open_nursery() as outer, trio.open_nursery() as inner:
            outer.start_soon(trio.sleep_forever)
            inner.start_soon(strike)

    with pytest.raises(type(ending)) as caught:
        loop.run(main)
    assert caught.value is ending


def test_what_comes_from_within_stays_as_it_is() -> None:
    async def fail() -> None:
        raise StrataError("no")

    async def main(number: int) -> int:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(fail)
        return number

    with pytest.raises(ExceptionGroup) as caught:
        loop.run(main, 1)
    assert [str(each) for each in caught.value.exceptions] == ["no"]


def test_a_value_comes_back() -> None:
    async def main(number: int) -> int:
        await trio.lowlevel.checkpoint()
        return number + 1

    assert loop.run(main, 1) == 2
