"""trio within a flow: what Prefect raises out of a signal's handler leaves the loop as it is."""

from asyncio import CancelledError
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import trio
from prefect.exceptions import TerminationSignal

T = TypeVar("T")

# Ctrl-C; a cancellation in the UI or the end of the worker; the timeout of the flow.
_ENDINGS = (KeyboardInterrupt, TerminationSignal, CancelledError)


def run(main: Callable[..., Awaitable[T]], *arguments: Any) -> T:
    """`trio.run`. An end that came from outside is raised itself, where trio would have it in a group.

    Prefect's handlers of SIGTERM and SIGALRM raise in the midst of whatever runs. In a task of trio's the exception
    comes out of a nursery in a group; between two tasks trio takes it for a defect of its own.
    """
    try:
        return trio.run(main, *arguments)
    except (BaseExceptionGroup, trio.TrioInternalError) as error:
        ending = _ending(error)
        if ending is None:
            raise
        raise ending from error


def _ending(error: BaseException | None) -> BaseException | None:
    if isinstance(error, BaseExceptionGroup):
        return next(filter(None, map(_ending, error.exceptions)), None)
    if isinstance(error, trio.TrioInternalError):
        return _ending(error.__cause__)
    return error if isinstance(error, _ENDINGS) else None
