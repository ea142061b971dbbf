"""What agents find out about each other, over real links."""

import pytest
import trio

from strata.mesh.agent import GetStatus, Status, ask, reached
from tests.support.agents import Agents, agents_of

pytestmark = pytest.mark.anyio


async def status_of(agents: Agents, name: str) -> Status:
    async with reached(agents.transport, agents.ids[name]) as wire:
        return await ask(wire, GetStatus(), Status, seconds=20)


async def until_held(agents: Agents, by: list[str], **states: str) -> None:
    """Wait until all these hold this, and nothing else, of others; the mesh's own deadline ends what never does."""
    for name in by:
        expected = {agents.ids[other]: state for other, state in states.items() if other != name}
        while True:
            held = (await status_of(agents, name)).held
            if {each.peer: each.state for each in held} == expected:
                break
            await trio.sleep(0.05)


async def test_members_find_each_other_and_who_is_killed_is_held_dead():
    async with agents_of(["a", "b", "c", "d"]) as agents:
        await until_held(agents, ["a", "b", "c", "d"], a="alive", b="alive", c="alive", d="alive")
        await agents.kill("d")
        await until_held(agents, ["a", "b", "c"], a="alive", b="alive", c="alive", d="dead")
