"""A person at the browser: the run form of each deployment is submitted, and what the run leaves is looked at.

Headless Chromium over what `make serve` serves. All tests of this file share it, in their order.
"""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.support.chrome import Tab, chrome, find_chrome
from tests.support.prefect_server import ENDED, until
from tests.support.served import Served, served

pytestmark = [
    pytest.mark.timeout(600),
    pytest.mark.skipif(find_chrome() is None, reason="NOT TESTED: there is no chromium (apt-get install chromium)"),
]

# In this order: evolution makes the champion that the watch looks at and that is rolled back. Of each its artifacts.
RUNS = {
    "inference": {"inference-plan", "inference-layers", "inference-answer"},
    "mesh": {"mesh-peers", "mesh-report"},
    "migration": {"migration-guide", "migration-moves"},
    "evolution": {"evolution-children", "evolution-report"},
    "watch": {"evolution-watch"},
    "rollback": {"evolution-rollback"},
    "evolution-on-checkpoint": {"evolution-children", "evolution-report"},
    "health": {"health-report", "health-runs"},
    "triage": {"triage"},
    "pretraining": {"pretraining-models"},
}
# Where evolution on this machine has found no better model, there is nothing to look at, or to roll back.
MAY_HAVE_NOTHING_TO_DO = {"watch", "rollback", "evolution-on-checkpoint"}
# What the user interface fills in after the page itself: an artifact's markdown, the cells of its table, or how far.
FILLED = ".artifact-data-markdown, .artifact-data-table__cell, .artifact-data-progress"
SHOWN = f"[...document.querySelectorAll('{FILLED}')].some((each) => each.innerText)"
WIDTHS = "Promise.all([...document.images].map((each) => each.decode().then(() => each.naturalWidth)))"  # of pictures
WITH_PICTURES = {"inference-layers", "mesh-report", "migration-guide", "evolution-report"}


@dataclass
class World:
    serving: Served
    profile: Path

    @asynccontextmanager
    async def page(self, path: str) -> AsyncIterator[Tab]:
        async with chrome(find_chrome(), self.profile) as tab:
            await tab.open(f"{self.serving.told['ui']}/{path}")
            yield tab

    def deployment(self, name: str) -> str:
        """Its id."""
        (found,) = self.serving.api.post("/deployments/filter", {"deployments": {"name": {"any_": [name]}}})
        return str(found["id"])

    def artifacts(self, run: str) -> dict[str, dict[str, Any]]:
        """Of a run, by key."""
        found = self.serving.api.post("/artifacts/filter", {"artifacts": {"flow_run_id": {"any_": [run]}}})
        return {each["key"]: each for each in found}


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    folder = tmp_path_factory.mktemp("seen")
    with served(folder / "home") as serving:
        serving.api.pause_schedules()
        yield World(serving, folder / "browser")


async def click(tab: Tab, what: str, name: str) -> None:
    """Click the element of that sort with that name on it, once it is there."""
    found = f"[...document.querySelectorAll('{what}')].find((each) => each.innerText.trim() === '{name}')"
    await tab.until(f"{found} && !{found}.disabled")
    await tab.evaluate(f"{found}.click()")


async def submitted(world: World, name: str) -> None:
    async with world.page(f"deployments/deployment/{world.deployment(name)}/run") as tab:
        await click(tab, "button", "Submit")
        await tab.until("!location.pathname.endsWith('/run')")


def test_all_deployments_are_listed_and_each_has_a_form(world: World) -> None:
    async def look() -> None:
        async with world.page("deployments") as tab:
            for name in RUNS:
                await tab.until(f"document.body.innerText.includes('{name}')")
        async with world.page(f"deployments/deployment/{world.deployment('pretraining')}/run") as tab:
            await tab.until("document.body.innerText.includes('Steps of the base model')")

    trio.run(look)


@pytest.mark.parametrize("name", RUNS)
def test_a_run_is_started_from_its_form_and_ends_green(world: World, tmp_path: Path, name: str) -> None:
    """Pictures of what it shows are left in the test's folder, for people."""
    trio.run(submitted, world, name)

    def ended() -> dict[str, Any] | None:
        runs = [run for run in world.serving.api.runs_of(name) if run["created_by"] is None]  # by no automation
        return runs[0] if runs and runs[0]["state_type"] in ENDED else None

    run = until(ended, 400, f"a run of {name} ends")
    skipped = name in MAY_HAVE_NOTHING_TO_DO and run["state_name"] == "Skipped"
    assert skipped or run["state_name"] == "Completed", run["state"]
    found = world.artifacts(run["id"])
    assert skipped or RUNS[name] <= found.keys()

    async def look() -> None:
        async with world.page(f"runs/flow-run/{run['id']}") as tab:
            await tab.until(f"document.body.innerText.includes('{run['state_name']}')")
            await tab.until(f"document.body.innerText.includes('{run['name']}')")
        for key, artifact in found.items():
            async with world.page(f"artifacts/artifact/{artifact['id']}") as tab:
                await tab.until(f"document.body.innerText.includes('{key}')")
                await tab.until(SHOWN)
                widths = await tab.evaluate(WIDTHS)
                assert all(widths)
                assert bool(widths) == (key in WITH_PICTURES)
                for scheme in ("light", "dark"):
                    await tab.screenshot(tmp_path / f"{key}-{scheme}.png", width=1280, height=900, scheme=scheme)

    trio.run(look)
