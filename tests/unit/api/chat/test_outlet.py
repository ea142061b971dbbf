"""From a generation to its reader: in order, joined where he is slow, and from any thread."""

import pytest
import trio
import trio.testing

from strata.api import Piece, Recovered
from strata.api.fleet.outlet import Outlet

pytestmark = pytest.mark.anyio

LOST = Recovered("b", (3, 4), "gone", "moved", 0.1)
LAST = Piece("", "stop", 1, 2)


async def test_what_a_slow_reader_did_not_take_is_one_piece() -> None:
    outlet = Outlet()
    for text in ("a", "b", "c"):
        outlet.on_text(0, text)
    outlet.on_recovery(LOST)
    outlet.on_text(0, "d")
    outlet.end(LAST)
    assert [piece async for piece in outlet] == [Piece("abc"), Piece("", recovery=LOST), Piece("d"), LAST]
    assert [piece async for piece in outlet] == []


async def test_what_went_wrong_comes_after_what_was_said() -> None:
    outlet = Outlet()
    outlet.on_text(0, "a")
    outlet.end(KeyError("x"))
    outlet.end(LAST)
    assert await anext(outlet) == Piece("a")
    with pytest.raises(KeyError):
        await anext(outlet)
    with pytest.raises(StopAsyncIteration):
        await anext(outlet)


async def test_a_waiting_reader_is_woken_from_any_thread() -> None:
    outlet, said = Outlet(), []

    async def read() -> None:
        async for piece in outlet:
            said.append(piece)

    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(read)
            for number in range(20):
                await trio.testing.wait_all_tasks_blocked()
                await trio.to_thread.run_sync(outlet.on_text, 0, str(number))
            await trio.testing.wait_all_tasks_blocked()
            outlet.end(LAST)
    assert said == [*(Piece(str(number)) for number in range(20)), LAST]
