"""The small HTTP server: its bounds, over real sockets."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from functools import partial
from http import HTTPStatus

import pytest
import trio
import trio.testing

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh.page.http import Reply, Request
from strata.mesh.page.http_server import MAX_BODY_BYTES, MAX_HEAD_BYTES, serve_http
from tests.support.hosts import run

POST = b"POST / HTTP/1.1\r\nHost: h\r\n"
TOO_LONG = bytes(MAX_BODY_BYTES + 1)


def echo(request: Request) -> Reply:
    said = f"{request.method} {request.target} {request.host} {request.body.decode('latin-1')}"
    return Reply(HTTPStatus.OK, said.encode("latin-1"), {"Content-Type": "text/plain"})


@asynccontextmanager
async def server(respond=echo, **bounds) -> AsyncIterator:
    """A function that connects to one."""
    async with trio.open_nursery() as nursery:
        listeners = await trio.open_tcp_listeners(0, host="127.0.0.1")
        await nursery.start(partial(serve_http, respond, listeners, **bounds))
        yield partial(trio.open_tcp_stream, *listeners[0].socket.getsockname())
        nursery.cancel_scope.cancel()


async def everything(stream: trio.SocketStream) -> bytes:
    said = b""
    try:
        async for piece in stream:
            said += piece
    except trio.BrokenResourceError:  # cut off while there was more to read
        pass
    return said


async def exchange(connect, request: bytes) -> bytes:
    """What comes back until the end."""
    async with await connect() as stream:
        await stream.send_all(request)
        return await everything(stream)


def test_requests_are_answered_one_after_the_other() -> None:
    async def test() -> None:
        async with server() as connect:
            first = b"GET /a HTTP/1.1\r\nHost: h:1\r\n\r\n"
            second = b"POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\nConnection: close\r\n\r\nxyz"
            said = await exchange(connect, first + second)
            assert said.count(b"HTTP/1.1 200 OK\r\n") == 2
            assert b"GET /a h:1 " in said
            assert said.endswith(b"POST /b h xyz")
            assert b"Content-Length: 11\r\n" in said

    run(test)


def test_a_head_request_has_the_length_and_no_body() -> None:
    async def test() -> None:
        async with server() as connect:
            said = await exchange(connect, b"HEAD /a HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert b"Content-Length: 10\r\n" in said
            assert said.endswith(b"\r\n\r\n")

    run(test)


@pytest.mark.parametrize(
    ("request_bytes", "status"),
    [
        (POST + b"Content-Length: %d\r\n\r\n" % len(TOO_LONG) + TOO_LONG, 413),
        (POST + b"Transfer-Encoding: chunked\r\n\r\n1000\r\n" + bytes(4096) + b"\r\n1\r\nx\r\n", 413),
        (POST + b"Expect: 100-continue\r\nContent-Length: 1\r\n\r\n", 417),
        (b"GET / HTTP/1.1\r\nHost: h\r\nX: " + b"a" * (2 * MAX_HEAD_BYTES) + b"\r\n\r\n", 431),
        (b"GET / HTTP/1.1\r\n\r\n", 400),
        (b"nonsense\r\n\r\n", 400),
        (POST + b"Content-Length: 1\r\nContent-Length: 2\r\n\r\nx", 400),
    ],
    ids=["long body", "long chunks", "expects", "long head", "no host", "nonsense", "two lengths"],
)  # fmt: skip
def test_what_is_too_long_or_wrong_is_refused_and_cut_off(request_bytes, status) -> None:
    async def test() -> None:
        async with server() as connect:
            said = await exchange(connect, request_bytes)
            assert said.startswith(b"HTTP/1.1 %d " % status)
            assert said.count(b"HTTP/1.1") == 1

    run(test)


def test_who_is_too_slow_is_cut_off() -> None:
    async def test() -> None:
        async with server(seconds=0.2) as connect:
            assert await exchange(connect, b"GET / HTTP/1.1\r\nHo") == b""
            assert await exchange(connect, b"") == b""

    run(test, seconds=10)


def test_who_comes_when_all_places_are_taken_is_refused_until_one_is_free() -> None:
    async def test() -> None:
        request = b"GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n"
        async with server(most=2) as connect:
            held = [await connect() for _ in range(2)]
            for stream in held:
                await stream.send_all(b"GET / HTTP/1.1\r\nHost: h\r\n\r\n")
                await stream.receive_some()  # it has its place
            assert await exchange(connect, request) == b""
            for stream in held:
                await stream.aclose()
            await trio.testing.wait_all_tasks_blocked()
            assert b"200 OK" in await exchange(connect, request)

    run(test, seconds=10)


def test_a_failure_costs_its_own_connection_only(caplog) -> None:
    def fail(request: Request) -> Reply:
        if request.target == "/bad":
            raise RuntimeError("a bug")
        return echo(request)

    async def test() -> None:
        async with server(fail) as connect:
            assert await exchange(connect, b"GET /bad HTTP/1.1\r\nHost: h\r\n\r\n") == b""
            good = await exchange(connect, b"GET /good HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n")
            assert b"200 OK" in good

    run(test)
    assert "a bug" in caplog.text
