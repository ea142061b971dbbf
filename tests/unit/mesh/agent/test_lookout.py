"""What a coordinator hears of members: from some agents, the worst of it, soon, and from others when those are gone."""

from contextlib import asynccontextmanager

import pytest
import trio
import trio.testing

from strata.mesh import Lookout
from strata.mesh.agent import lookout
from tests.support.witnesses import witnesses_of

pytestmark = pytest.mark.anyio


@pytest.fixture(autouse=True)
def often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookout, "EVERY_SECONDS", 0.01)


@asynccontextmanager
async def looking(names: str):
    """Agents, a lookout at work, and where it says what it was told."""
    with trio.fail_after(20):
        async with witnesses_of(names) as witnesses, trio.open_nursery() as nursery:
            send, told = trio.open_memory_channel(100)
            found = Lookout(
                witnesses.transport,
                witnesses.roster,
                lambda peer_id, state: send.send_nowait((witnesses.name(peer_id), state)),
            )
            nursery.start_soon(found.run)
            yield witnesses, found, told
            nursery.cancel_scope.cancel()


async def test_changes_are_told_and_the_worst_counts():
    async with looking("ab") as (witnesses, found, told):
        b = witnesses.keys["b"].peer_id
        assert found.state(b) == "alive"
        witnesses.held["a"]["b"] = "suspect"
        assert await told.receive() == ("b", "suspect")
        witnesses.held["a"]["b"] = "dead"
        assert await told.receive() == ("b", "dead")
        assert found.state(b) == "dead"
        witnesses.held["a"]["b"] = "alive"
        assert await told.receive() == ("b", "alive")
        witnesses.held["a"] |= {"a": "suspect", "b": "left"}
        witnesses.held["b"] |= {"a": "left", "b": "suspect"}
        last = {}
        while last != {"a": "left", "b": "left"}:
            last |= [await told.receive()]
        before = dict(witnesses.asked)
        while min(witnesses.asked[name] - before[name] for name in "ab") < 3:
            await trio.sleep(0.01)
        assert {name: found.state(witnesses.keys[name].peer_id) for name in "ab"} == last
        assert told.statistics().current_buffer_used == 0


async def test_only_some_are_asked_and_others_when_those_are_gone():
    async with looking("abcd") as (witnesses, _, told):
        while sum(count > 0 for count in witnesses.asked.values()) < lookout.WITNESSES:
            await trio.sleep(0.01)
        asked = [name for name, count in witnesses.asked.items() if count]
        assert len(asked) == lookout.WITNESSES
        for name in "abcd":
            witnesses.held[name]["a"] = "dead" if name not in asked else "alive"
        for name in asked:
            witnesses.scopes[name].cancel()
        assert await told.receive() == ("a", "dead")


async def test_what_a_witness_said_goes_with_it():
    async with looking("ab") as (witnesses, found, told):
        witnesses.held["a"]["b"] = "dead"
        assert await told.receive() == ("b", "dead")
        witnesses.scopes["a"].cancel()
        assert await told.receive() == ("b", "alive")
        assert found.state(witnesses.keys["b"].peer_id) == "alive"


async def test_an_agent_that_does_not_answer_gives_way(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(lookout, "ANSWER_SECONDS", 0.05)
    async with looking("abc") as (witnesses, _, told):
        real = lookout.ask

        async def ask(wire, *arguments, seconds):
            if wire.peer.name != "c":
                await trio.sleep(seconds)
                raise trio.TooSlowError
            return await real(wire, *arguments, seconds=seconds)

        monkeypatch.setattr(lookout, "ask", ask)
        witnesses.held["c"]["a"] = "suspect"
        assert await told.receive() == ("a", "suspect")
