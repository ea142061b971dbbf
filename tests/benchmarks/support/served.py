"""The API over a fleet, served by hypercorn on a loopback port in the trio loop of the caller."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

import trio
from hypercorn.config import Config
from hypercorn.trio import serve

from strata.api import Context, Fleet, Work, create_app
from strata.settings import Settings
from strata.store import Ledger, TokenLog


@asynccontextmanager
async def served(settings: Settings, fleet: Fleet) -> AsyncIterator[tuple[str, str]]:
    """Yield its URL and a token that may ask."""
    config = Config()
    config.bind = ["127.0.0.1:0"]
    with Ledger(settings.ledger) as ledger:
        _, token = TokenLog(ledger).create("test", ("infer",))
        app = create_app(Context(settings, ledger, cast(Work, None), fleet))
        stop = trio.Event()

        async def run(task_status: trio.TaskStatus[list[str]]) -> None:
            await serve(app, config, shutdown_trigger=stop.wait, task_status=task_status, mode="asgi")

        async with trio.open_nursery() as nursery:
            (url,) = await nursery.start(run)
            try:
                yield url, token
            finally:
                stop.set()
