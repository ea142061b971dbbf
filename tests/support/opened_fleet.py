"""The real fleet over nodes of this process that hold a tiny random model, and its scripted stand-in."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import trio

from strata.api import Fleet, open_fleet
from strata.settings import Settings
from tests.support.fleet import fleet_of, tokenizer_with_words
from tests.support.nodes import tiny_llama
from tests.support.scripted_fleet import CONTEXT, NAME, ScriptedFleet

READY_SECONDS = 30


def tiny_model(folder: Path) -> Path:
    """A random model called "tiny" whose tokens are words."""
    model = folder / NAME
    tiny_llama(model)
    tokenizer_with_words(model)
    return model


def settings_at(home: Path, **changed: Any) -> Settings:
    """Those of a home of its own, in which layers are split evenly, so that all nodes have some."""
    return Settings(
        **{"STRATA_HOME": home, "STRATA_LEDGER_URL": None, "DISTRIBUTED_INFERENCE_CROSS_NODE_OPT": False, **changed}
    )


@asynccontextmanager
async def real_fleet(folder: Path, model: Path, **changed: Any) -> AsyncIterator[Fleet]:
    """Ready, over two nodes."""
    async with fleet_of(folder, ["a", "b"]) as nodes:
        opened = open_fleet(
            settings_at(nodes.home, **changed),
            model=str(model),
            mesh=nodes.mesh,
            identity=nodes.home / "identity.json",
            context=CONTEXT,
            sessions=2,
        )
        async with opened as fleet:
            with trio.fail_after(READY_SECONDS):
                await fleet.ready()
            yield fleet


@asynccontextmanager
async def scripted_fleet(_folder: Path, _model: Path, **_changed: Any) -> AsyncIterator[Fleet]:
    """The same without nodes."""
    yield ScriptedFleet()


FLEETS = {"scripted": scripted_fleet, "real": real_fleet}
