"""What browsers are served over libp2p: stock hosts of py-libp2p stand in for them, over WebSocket and /noise."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from libp2p.exceptions import BaseLibp2pError

from strata.mesh import Answered, Roster, dial_peer, open_host
from strata.mesh.page.asking import MAX_QUESTION_BYTES, Desk
from strata.mesh.page.browsers import Browsers
from strata.mesh.page.streams import ASK, VIEW, handle_streams
from strata.secure import BROWSER, Identity, Membership
from tests.support.hosts import address, reaches, read_some, run, stock_host

OWNER, PHONE, NODE, STRANGER = (Identity.generate() for _ in range(4))
MESH = (
    Membership.found(OWNER)
    .with_member(OWNER.card, "owner", (), ("coordinator",))
    .with_member(PHONE.card, "phone", (), (BROWSER,))
    .with_member(NODE.card, "node")
)
WEBSOCKET = ("/ip4/127.0.0.1/tcp/0/ws",)
WHY = b'{"prompt": "Why?"}\n'


@dataclass
class Oracle:
    """Says a word, and goes on until it is let end, or is cancelled."""

    begun: trio.Event = field(default_factory=trio.Event)
    go_on: trio.Event = field(default_factory=trio.Event)
    cancelled: trio.Event = field(default_factory=trio.Event)

    async def __call__(self, prompt, most_tokens, on_text) -> Answered:
        on_text(f"{prompt} Because.")
        self.begun.set()
        try:
            await self.go_on.wait()
        except trio.Cancelled:
            self.cancelled.set()
            raise
        return Answered(2, 0.5)


@dataclass
class Served:
    """The page's host, the roster it goes by, and a browser that is connected to it."""

    host: object
    roster: Roster
    phone: object
    oracle: Oracle

    async def stream(self, protocol, who=None):
        return await (who or self.phone).new_stream(self.host.get_id(), [protocol])

    def change(self, membership: Membership) -> None:
        self.roster.update(membership.seal(OWNER))


@asynccontextmanager
async def served(*, answers: bool = True) -> AsyncIterator[Served]:
    async def look(peer_id: str):
        return {"you": peer_id}

    roster, oracle = Roster(MESH), Oracle()
    browsers = Browsers(roster)
    async with open_host(OWNER, roster, WEBSOCKET, stock=browsers) as host, stock_host(PHONE) as phone:
        handle_streams(host, browsers, look, Desk(oracle) if answers else None)
        await dial_peer(phone, address(host))
        yield Served(host, roster, phone, oracle)


async def line(stream) -> dict:
    said = b""
    while not said.endswith(b"\n"):
        said += await stream.read(1)
    return json.loads(said)


async def everything(stream) -> list[dict]:
    said = b""
    while data := await read_some(stream):
        said += data
    return [json.loads(each) for each in said.splitlines()]


async def is_refused(opening) -> bool:
    """Whether the stream is reset with nothing on it, maybe while it is opened."""
    try:
        return await (await opening).read(1) == b""
    except BaseLibp2pError:
        return True


def test_a_browser_is_told_of_the_mesh() -> None:
    async def test() -> None:
        async with served() as there:
            assert await everything(await there.stream(VIEW)) == [{"you": PHONE.peer_id}]

    run(test)


def test_a_question_is_answered_line_by_line() -> None:
    async def test() -> None:
        async with served() as there:
            stream = await there.stream(ASK)
            await stream.write(WHY[:7])
            await stream.write(WHY[7:])
            assert await line(stream) == {"text": "Why? Because."}
            there.oracle.go_on.set()
            assert await everything(stream) == [{"done": {"tokens": 2, "seconds": 0.5}}]

    run(test)


@pytest.mark.parametrize(
    ("sent", "why"),
    [
        (b"nonsense\n", "the question: Invalid JSON"),
        (b'{"prompt": ""}\n', "prompt: String should have at least 1 character"),
        (WHY + b"more", "a stream asks one question"),
        (b"x" * (MAX_QUESTION_BYTES + 1), "a question has at most"),
    ],
    ids=["nonsense", "empty", "two", "endless"],
)
def test_a_bad_question_is_refused_in_a_sentence(sent, why) -> None:
    async def test() -> None:
        async with served() as there:
            stream = await there.stream(ASK)
            await stream.write(sent)
            (said,) = await everything(stream)
            assert said["refused"].startswith(why)
            assert not there.oracle.begun.is_set()

    run(test)


def test_where_no_model_is_a_question_is_refused() -> None:
    async def test() -> None:
        async with served(answers=False) as there:
            (said,) = await everything(await there.stream(ASK))
            assert "--model" in said["refused"]

    run(test)


@pytest.mark.parametrize("how", ["closes", "resets", "says more", "disconnects", "is revoked"])
def test_an_answer_ends_with_the_browser_that_wants_it(how) -> None:
    async def test() -> None:
        async with served() as there:
            stream = await there.stream(ASK)
            await stream.write(WHY)
            await there.oracle.begun.wait()
            if how == "closes":
                await stream.close_write()
            elif how == "resets":
                await stream.reset()
            elif how == "says more":
                await stream.write(b"more")
            elif how == "disconnects":
                await there.phone.disconnect(there.host.get_id())
            else:
                there.change(there.roster.membership.without(PHONE.peer_id))
            await there.oracle.cancelled.wait()

    run(test, seconds=20)


def test_the_next_question_of_a_browser_that_took_one_back_is_answered() -> None:
    async def test() -> None:
        async with served() as there:
            stream = await there.stream(ASK)
            await stream.write(WHY)
            await there.oracle.begun.wait()
            await stream.reset()
            await there.oracle.cancelled.wait()
            there.oracle.go_on.set()
            again = await there.stream(ASK)
            await again.write(WHY)
            assert "done" in (await everything(again))[-1]

    run(test)


@pytest.mark.parametrize("protocol", [VIEW, ASK])
def test_other_members_and_former_browsers_are_not_served(protocol) -> None:
    async def test() -> None:
        async with served() as there, open_host(NODE, Roster(MESH)) as node:
            await dial_peer(node, address(there.host))
            assert await is_refused(there.stream(protocol, node))
            there.change(there.roster.membership.with_member(PHONE.card, "phone"))
            assert await is_refused(there.stream(protocol))

    run(test)


def test_strangers_are_not_let_in_until_they_are_invited() -> None:
    async def test() -> None:
        async with served() as there, stock_host(STRANGER) as stranger:
            assert not await reaches(stranger, there.host)
            there.change(there.roster.membership.with_member(STRANGER.card, "tablet", (), (BROWSER,)))
            assert await reaches(stranger, there.host)

    run(test)
