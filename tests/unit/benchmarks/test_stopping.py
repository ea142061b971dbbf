"""How a benchmark ends on Ctrl-C and on SIGTERM."""

import signal
from contextlib import ExitStack

import pytest
import trio

from tests.benchmarks.support.stopping import stoppable

BOTH = pytest.mark.parametrize(("number", "status"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])


@BOTH
def test_the_block_is_unwound_and_the_status_says_by_what(number: signal.Signals, status: int):
    before, unwound = signal.getsignal(signal.SIGTERM), []
    inner = ExitStack()
    inner.callback(unwound.append, True)
    with pytest.raises(SystemExit) as end, stoppable(), inner:
        signal.raise_signal(number)
    assert (end.value.code, unwound) == (status, [True])
    assert signal.getsignal(signal.SIGTERM) is before


@BOTH
def test_in_the_background_too_where_a_shell_has_sigint_ignored(number: signal.Signals, status: int):
    usual = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        with pytest.raises(SystemExit) as end, stoppable():
            signal.raise_signal(number)
        assert signal.getsignal(signal.SIGINT) is signal.SIG_IGN
    finally:
        signal.signal(signal.SIGINT, usual)
    assert end.value.code == status


@BOTH
def test_also_among_tasks(number: signal.Signals, status: int):
    async def wait() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            await trio.to_thread.run_sync(trio.from_thread.run_sync, signal.raise_signal, number)
            await trio.sleep_forever()

    with pytest.raises(SystemExit) as end, stoppable():
        trio.run(wait)
    assert end.value.code == status


def test_other_errors_are_not_hidden():
    with pytest.raises(ExceptionGroup, match="two"), stoppable():
        raise ExceptionGroup("two", [ValueError(), KeyError()])
