"""HTTP, under trio: the coordinator of a fleet runs in the same loop as the answers that it gives."""

from collections.abc import Callable
from typing import Any

import trio
from fastapi import FastAPI
from hypercorn.config import Config
from hypercorn.trio import serve as hypercorn_serve

END_SECONDS = 5.0  # in which answers under way may end, once it is told to
IDLE_SECONDS = 15.0  # that a connection may wait without a request, or with half of one


async def serve(
    app: FastAPI, host: str, port: int, *, stop: trio.Event, ready: Callable[[str], None] = lambda _url: None
) -> None:
    """Answer at this address until `stop` is set; port 0: any. ready: is told the URL once it answers.

    Raises OSError where nobody can listen there.
    """
    config = Config()
    config.bind = [f"[{host}]:{port}" if ":" in host else f"{host}:{port}"]
    config.accesslog = None  # `strata.api.envelope` writes one, with the request's id
    config.errorlog = "-"
    config.include_server_header = False
    config.graceful_timeout = END_SECONDS
    config.keep_alive_timeout = IDLE_SECONDS

    async def run(task_status: "trio.TaskStatus[list[str]]" = trio.TASK_STATUS_IGNORED) -> None:
        await hypercorn_serve(_asgi(app), config, shutdown_trigger=stop.wait, task_status=task_status, mode="asgi")

    async with trio.open_nursery() as nursery:
        urls = await nursery.start(run)
        ready(urls[0])


def _asgi(app: FastAPI) -> Any:
    return app  # hypercorn's types are narrower than ASGI's
