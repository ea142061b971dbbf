"""Doing several things at the same time, with errors that come out bare instead of in a group."""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any, TypeVar

import trio

A = TypeVar("A")
T = TypeVar("T")


async def beside(function: Callable[[], Awaitable[T]], other: Callable[..., Awaitable[object]], *args: object) -> T:
    """Call the function while `other(*args)` runs, which is cancelled at its end; an error of either is raised bare."""
    failure: Exception | None = None
    result: list[T] = []

    async def aside(scope: trio.CancelScope) -> None:
        nonlocal failure
        try:
            await other(*args)
        except Exception as error:
            failure = failure or error
            scope.cancel()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(aside, nursery.cancel_scope)
        try:
            result.append(await function())
        except Exception as error:
            failure = error
        nursery.cancel_scope.cancel()
    if failure is not None:
        raise failure
    return result[0]


async def each(function: Callable[[A], Awaitable[T]], items: Sequence[A]) -> list[T]:
    """Call the function with all items at the same time.

    Returns the results in order; the first error stops the others and is raised bare.
    """
    results: list[Any] = [None] * len(items)
    failure: Exception | None = None

    async def run(index: int, item: A, scope: trio.CancelScope) -> None:
        nonlocal failure
        try:
            results[index] = await function(item)
        except Exception as error:
            failure = failure or error
            scope.cancel()

    async with trio.open_nursery() as nursery:
        for index, item in enumerate(items):
            nursery.start_soon(run, index, item, nursery.cancel_scope)
    if failure is not None:
        raise failure
    return results
