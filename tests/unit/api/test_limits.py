"""Rates, and answers at a time."""

import pytest
import trio
from fastapi.responses import StreamingResponse
from hypothesis import given
from hypothesis import strategies as st

from strata.api import Limits, create_app
from strata.api.guard import allowing
from strata.api.limits import ONE_ANSWER, Rates, Streams, network_of
from strata.errors import StrataError


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("", ""),
        ("testclient", "testclient"),
    ],
)
def test_whose_address_it_is(address: str, network: str) -> None:
    assert network_of(address) == network


def test_a_rate_that_is_none_is_said_to_be() -> None:
    with pytest.raises(StrataError, match="not a rate: 'often'; write 600/minute"):
        Rates(Limits(rate="often"))


@given(st.lists(st.tuples(st.booleans(), st.integers(0, 3)), max_size=60))
def test_streams_count_like_a_counter(steps: list[tuple[bool, int]]) -> None:
    streams, held = Streams(2), [0, 0, 0, 0]
    for take, token in steps:
        if take:
            assert streams.take(token) == (held[token] < 2)
            held[token] = min(2, held[token] + 1)
        elif held[token]:
            streams.give_back(token)
            held[token] -= 1


def _scope(secret: str) -> dict:
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "GET", "scheme": "http"}
    headers = [(b"authorization", b"Bearer " + secret.encode())]
    return scope | {"path": "/s", "raw_path": b"/s", "query_string": b"", "headers": headers, "client": ("::1", 1)}


def test_an_answer_counts_until_its_last_byte_or_until_its_caller_is_gone(context, secret) -> None:
    app = create_app(context, Limits(streams=1))

    @app.get("/s", dependencies=[allowing("infer"), ONE_ANSWER])
    async def stream():
        async def endless():
            while True:
                yield b"."
                await trio.sleep(0.001)

        return StreamingResponse(endless())

    mine, other = secret("infer"), secret("infer")

    async def ask(token: str, begun: trio.Event, over: trio.Event) -> int:
        status = 0

        async def receive():
            await over.wait()
            return {"type": "http.disconnect"}

        async def send(message) -> None:
            nonlocal status
            status = message.get("status", status)
            if message.get("body") == b".":
                begun.set()

        await app(_scope(token), receive, send)
        return status

    async def scenario() -> list[int]:
        begun, over = trio.Event(), trio.Event()
        found = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ask, mine, begun, over)
            await begun.wait()
            done = trio.Event()
            done.set()
            found.append(await ask(mine, trio.Event(), done))
            found.append(await ask(other, trio.Event(), done))
            over.set()
        found.append(await ask(mine, trio.Event(), over))
        return found

    assert trio.run(scenario) == [429, 200, 200]
