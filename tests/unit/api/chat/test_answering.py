"""A response while it is written: readers who go away, are slow, or wait; called as ASGI, without a server."""

from collections.abc import Callable
from typing import Any

import pytest
import trio
import trio.testing
from fastapi import FastAPI

from strata.api import answering
from strata.store import Scope
from tests.support.scripted_fleet import ScriptedFleet

pytestmark = pytest.mark.anyio

PATHS = {
    "/v1/chat/completions": b'{"model":"tiny","messages":[{"role":"user","content":"hello"}],"stream":true}',
    "/v1/inference/distributed/execute": b'{"text":"hello"}',
}
WHOLE = b'{"model":"tiny","messages":[{"role":"user","content":"hello"}]}'


class Reader:
    """A client of the application; `gone` when it goes away, `reads` None or an event that each send waits for."""

    def __init__(self, path: str, body: bytes, secret: str) -> None:
        self.scope: dict[str, Any] = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.1"},
            "http_version": "1.1",
            "method": "POST",
            "path": path,
            "raw_path": path.encode(),
            "query_string": b"",
            "root_path": "",
            "scheme": "http",
            "headers": [(b"authorization", f"Bearer {secret}".encode()), (b"content-type", b"application/json")],
            "client": ("127.0.0.1", 1),
            "server": ("127.0.0.1", 2),
        }
        self._requests = [{"type": "http.request", "body": body, "more_body": False}]
        self.gone = trio.Event()
        self.reads: trio.Event | None = None
        self.received: list[dict[str, Any]] = []
        self.came = trio.Event()

    async def receive(self) -> dict[str, Any]:
        if self._requests:
            return self._requests.pop()
        await self.gone.wait()
        return {"type": "http.disconnect"}

    async def send(self, message: dict[str, Any]) -> None:
        self.received.append(message)
        self.came.set()
        self.came = trio.Event()
        if self.reads is not None and message["type"] == "http.response.body":
            await self.reads.wait()

    async def until(self, enough: Callable[[bytes], bool]) -> None:
        while not enough(self.body):
            await self.came.wait()

    @property
    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.received)


@pytest.mark.parametrize("path", PATHS)
async def test_who_goes_away_ends_the_answer(
    app: FastAPI, fleet: ScriptedFleet, secret: Callable[[Scope], str], path: str
) -> None:
    fleet.held = trio.Event()
    reader = Reader(path, PATHS[path], secret("infer"))
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app, reader.scope, reader.receive, reader.send)
            await reader.until(lambda body: b"word" in body)
            assert fleet.running == 1
            reader.gone.set()
    assert fleet.running == 0


async def test_who_goes_away_before_the_whole_answer_ends_it(
    app: FastAPI, fleet: ScriptedFleet, secret: Callable[[Scope], str]
) -> None:
    fleet.held = trio.Event()
    reader = Reader("/v1/chat/completions", WHOLE, secret("infer"))
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app, reader.scope, reader.receive, reader.send)
            while not fleet.running:
                await trio.testing.wait_all_tasks_blocked(0.01)
            reader.gone.set()
    assert (fleet.running, reader.received) == (0, [])


async def test_who_does_not_read_can_still_go_away(
    app: FastAPI, fleet: ScriptedFleet, secret: Callable[[Scope], str]
) -> None:
    reader = Reader("/v1/inference/distributed/execute", b'{"text":"hello"}', secret("infer"))
    reader.reads = trio.Event()
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app, reader.scope, reader.receive, reader.send)
            await reader.until(lambda body: b"accepted" in body)
            await trio.testing.wait_all_tasks_blocked(0.05)
            assert len(reader.received) == 2  # the start, and what he has not read yet
            reader.gone.set()
    assert fleet.running == 0


async def test_an_event_stream_is_kept_alive_while_nothing_comes(
    app: FastAPI, fleet: ScriptedFleet, secret: Callable[[Scope], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(answering, "KEEP_ALIVE_SECONDS", 0.01)
    fleet.held = trio.Event()
    reader = Reader("/v1/inference/distributed/execute", b'{"text":"hello","max_new_tokens":3}', secret("infer"))
    with trio.fail_after(5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(app, reader.scope, reader.receive, reader.send)
            await reader.until(lambda body: body.count(b": keep-alive\n\n") >= 3)
            fleet.held.set()
    assert reader.body.count(b"event: text") == 3
    assert reader.received[-1] == {"type": "http.response.body", "body": b"", "more_body": False}


async def test_a_fault_is_raised_as_itself(app: FastAPI, fleet: ScriptedFleet, secret: Callable[[Scope], str]) -> None:
    fleet.failure = ZeroDivisionError("a bug")
    reader = Reader("/v1/inference/distributed/execute", b'{"text":"hello"}', secret("infer"))
    with pytest.raises(ZeroDivisionError):
        await app(reader.scope, reader.receive, reader.send)
