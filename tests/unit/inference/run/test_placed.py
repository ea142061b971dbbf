"""Generations that stop for a move, and go on after it."""

import pytest
import trio
import trio.testing

from strata.inference.run.placed import Halted, Placement

pytestmark = pytest.mark.anyio


async def test_a_step_that_takes_long_does_not_hold_up_a_move() -> None:
    placement, seen = Placement(plan=None), []

    async def run(name: str) -> None:
        try:
            async with placement.running(name):
                await trio.sleep_forever()
        except Halted:
            seen.append(f"{name} halted")
        async with placement.running(name):
            seen.append(f"{name} goes on")

    with trio.fail_after(10):
        async with trio.open_nursery() as nursery:
            for name in ("one", "two"):
                nursery.start_soon(run, name)
            await trio.testing.wait_all_tasks_blocked()
            assert sorted(placement.generations) == ["one", "two"]
            async with placement.halted():
                await trio.testing.wait_all_tasks_blocked()
                assert sorted(seen) == ["one halted", "two halted"]
                assert (placement.generations, sorted(placement.waiting)) == ([], ["one", "two"])
    assert sorted(seen[2:]) == ["one goes on", "two goes on"]


async def test_one_that_is_cancelled_by_others_was_not_halted() -> None:
    placement = Placement(plan=None)
    with trio.CancelScope() as scope:
        async with placement.running("one"):
            scope.cancel()
            await trio.sleep_forever()
    assert scope.cancelled_caught
    assert placement.generations == []
