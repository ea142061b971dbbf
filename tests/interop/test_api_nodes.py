"""Nodes that an API's fleet has started itself: what dies is started again, and answers."""

from pathlib import Path

import psutil
import pytest
import trio

from strata.api import Prompt, open_fleet
from strata.api.fleet.mesh_fleet import MeshFleet
from tests.support.opened_fleet import settings_at, tiny_model
from tests.support.scripted_fleet import CONTEXT, NAME

pytestmark = pytest.mark.anyio

TELL = Prompt(NAME, text="tell me a story", max_new_tokens=40)


def nodes_of(home: Path) -> dict[str, psutil.Process]:
    """Processes of nodes that have their home in that folder, by name."""
    found = {}
    for process in psutil.Process().children(recursive=True):
        words = process.cmdline() if process.status() != psutil.STATUS_ZOMBIE else []
        if "--home" in words and str(home) in (folder := words[words.index("--home") + 1]):
            found[Path(folder).name] = process
    return found


async def said(fleet: MeshFleet) -> str:
    async with fleet.answer(TELL) as pieces:
        return "".join([piece.text async for piece in pieces])


async def all_there(fleet: MeshFleet) -> None:
    while not all(node.reachable for node in await fleet.nodes()):
        await trio.sleep(0.1)


async def test_a_node_that_is_killed_comes_back_and_all_end_with_the_fleet(tmp_path: Path) -> None:
    settings = settings_at(tmp_path / "home")
    opened = open_fleet(settings, model=str(tiny_model(tmp_path / "models")), nodes=2, context=CONTEXT, sessions=1)
    async with opened as fleet:
        with trio.fail_after(120):
            await fleet.ready()
            whole = await said(fleet)
            before = nodes_of(settings.home)
            assert before.keys() == {"node-1", "node-2"}
            for name, other in (("node-1", "node-2"), ("node-2", "node-1")):  # in the end none is of the first two
                before[name].kill()
                assert await said(fleet) == whole
                while nodes_of(settings.home).get(name, before[name]).pid == before[name].pid:
                    await trio.sleep(0.1)
                await all_there(fleet)
                assert nodes_of(settings.home)[other].is_running()
            assert await said(fleet) == whole
            after = nodes_of(settings.home)
    assert not any(process.is_running() for process in after.values())
