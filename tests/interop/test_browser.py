"""A browser joins the mesh by the page: headless Chromium with the js-libp2p that the page brings.

The page is loaded under a name that is not this machine's, so that it is no secure context, as on a phone in a LAN.
"""

import base64
import json
import shlex
import subprocess
import sys
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from urllib.parse import urlsplit
from urllib.request import urlopen

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.cli.mesh_asking import FleetAnswers
from strata.inference import GenerationParams, generate_locally
from strata.mesh import Answered, AskFailed, MeshEye, Roster, edit_membership, read_membership, serve_page
from strata.secure import Identity, PeerCard
from strata.settings import Settings
from tests.support.chrome import chrome, find_chrome
from tests.support.fleet import Fleet, fleet_of, tokenizer_with_words
from tests.support.hosts import run
from tests.support.nodes import tiny_llama
from tests.support.npm import installed

WEB = Path(__file__).parents[2] / "web"
BUNDLE = Path(__file__).parents[2] / "src" / "strata" / "mesh" / "page" / "static" / "app.js"
STRATA = [sys.executable, "-c", "from strata.cli import main; main()"]
HOST = "mesh.test"
in_chrome = pytest.mark.skipif(
    find_chrome() is None, reason="NOT TESTED: there is no chromium (apt-get install chromium)"
)


@asynccontextmanager
async def browser(profile: Path) -> AsyncIterator:
    async with chrome(find_chrome(), profile, f"--host-resolver-rules=MAP {HOST} 127.0.0.1") as tab:
        yield tab


@asynccontextmanager
async def served(fleet: Fleet, ask=None, websocket: int = 0, page: int = 0) -> AsyncIterator[str]:
    """The URL of the page of a fleet's owner, under the other name."""
    roster = Roster(read_membership(fleet.mesh))
    eye = MeshEye(fleet.owner, roster, Settings(STRATA_HOME=fleet.home, STRATA_LEDGER_URL=None), fresh_seconds=0.5)
    places = {"listen": ("127.0.0.1", page), "websocket": ("127.0.0.1", websocket)}
    async with serve_page(fleet.owner, roster, eye, ask=ask, mesh=fleet.mesh, **places) as serving:
        yield serving.url.replace("127.0.0.1", HOST)


def shows(state: str) -> str:
    return f"document.getElementById('state').dataset.state === '{state}'"


def text(place: str) -> str:
    return f"document.getElementById('{place}').textContent"


async def invite(tab, fleet: Fleet) -> PeerCard:
    """Run the command that the page shows, as the owner; the card in it."""
    await tab.until(shows("stranger"))
    command = shlex.split(await tab.evaluate(text("command")))
    assert command[0] == "strata"
    await trio.run_process([*STRATA, *command[1:], "--home", str(fleet.home)], capture_stdout=True)
    return PeerCard.from_text(command[3])


async def question(tab, prompt: str) -> None:
    await tab.evaluate(f"document.getElementById('prompt').value = {json.dumps(prompt)}")
    await tab.evaluate("document.getElementById('send').click()")


def progress(kind: str) -> str:
    return f"document.getElementById('progress').dataset.kind === '{kind}'"


@in_chrome
def test_a_browser_joins_sees_the_mesh_asks_it_and_is_revoked(tmp_path: Path) -> None:
    model = tmp_path / "model"
    tiny_llama(model)
    tokenizer_with_words(model)
    expected = generate_locally(model, ["tell me a story"], GenerationParams(max_new_tokens=128)).text[0]
    assert len(expected) > 200

    async def test() -> None:
        async with fleet_of(tmp_path, ["anna", "bob"]) as fleet, browser(tmp_path / "profile") as tab:
            settings = Settings(
                STRATA_HOME=fleet.home,
                STRATA_LEDGER_URL=f"sqlite:///{tmp_path}/ledger.sqlite",
                DISTRIBUTED_INFERENCE_CROSS_NODE_OPT=False,  # by memory, so that both nodes get layers
            )
            ask = FleetAnswers(model, fleet.mesh, fleet.home / "identity.json", lambda: settings)
            async with served(fleet, ask) as url:
                await tab.open(url)
                card = await invite(tab, fleet)
                await tab.until(shows("here"))
                assert await tab.evaluate(text("state")) == "Connected as phone."
                shown = await tab.evaluate("document.getElementById('mesh').textContent")
                assert {"anna", "bob", "owner", "phone (you)"} <= set(await rows(tab))
                assert "2 of 2 members live" in shown

                await question(tab, "tell me a story")
                await tab.until(progress("done"))
                assert await tab.evaluate(text("answer")) == expected
                assert (await tab.evaluate(text("progress"))).startswith("128 tokens in ")
                assert all(holding.stage is not None for holding in fleet.holdings.values()), "both must have computed"

                edit_membership(fleet.mesh, fleet.owner, lambda known: known.without(card.peer_id))
                await tab.until(shows("revoked"))
                assert await tab.evaluate(
                    "document.getElementById('mesh').hidden && document.getElementById('ask').hidden"
                )
                assert tab.problems == []
                assert {urlsplit(request).hostname for request in tab.requests} == {HOST}

    run(test, seconds=120)


def test_the_command_serves_the_page_until_it_is_told_to_end(tmp_path: Path) -> None:
    async def test() -> None:
        async with fleet_of(tmp_path, ["anna"]) as fleet:
            options = ["--home", str(fleet.home), "--listen", "127.0.0.1:0", "--websocket", "127.0.0.1:0"]
            command = [*STRATA, "mesh", "page", *options]
            process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                said = b""
                while not said.endswith(b"\n"):
                    said += await process.stdout.receive_some()
                ready = json.loads(said)
                found = await trio.to_thread.run_sync(fetch, f"{ready['url']}where")
                assert f"/tcp/{found['port']}/ws/p2p/{found['peer']}" in ready["address"]
                assert found["peer"] == fleet.owner.peer_id
            finally:
                process.terminate()
            assert await process.wait() == 0

    run(test)


def fetch(url: str) -> dict:
    with urlopen(url, timeout=10) as response:
        return json.load(response)


@in_chrome
def test_what_is_stopped_in_the_browser_is_computed_no_further(tmp_path: Path) -> None:
    begun, ended = trio.Event(), trio.Event()

    async def ask(prompt: str, most_tokens: int, on_text) -> Answered:
        on_text(f"You said <b>{prompt}</b>.")
        begun.set()
        try:
            await trio.sleep_forever()
        finally:
            ended.set()

    async def test() -> None:
        async with (
            fleet_of(tmp_path, ["anna"]) as fleet,
            browser(tmp_path / "profile") as tab,
            served(fleet, ask) as url,
        ):
            await tab.open(url)
            await invite(tab, fleet)
            await tab.until(shows("here"))
            await question(tab, "Grüße, 世界 \N{ROCKET}")
            await tab.until(f"{text('answer')} === 'You said <b>Grüße, 世界 \N{ROCKET}</b>.'")
            await begun.wait()
            await tab.evaluate("document.getElementById('stop').click()")
            await tab.until(progress("stopped"))
            await ended.wait()
            assert tab.problems == []

    run(test)


@in_chrome
def test_a_browser_comes_back_by_itself_and_is_told_why_a_question_is_not_answered(tmp_path: Path) -> None:
    async def refuse(prompt: str, most_tokens: int, on_text) -> Answered:
        raise AskFailed("the model is asleep")

    async def test() -> None:
        async with fleet_of(tmp_path, ["anna"]) as fleet, browser(tmp_path / "profile") as tab:
            async with served(fleet) as url:
                await tab.open(url)
                await invite(tab, fleet)
                await tab.until(shows("here"))
                assert await tab.evaluate("document.getElementById('ask').hidden"), "nobody answers here"
            await tab.until(shows("unreachable"))
            async with served(fleet, refuse, page=urlsplit(url).port):
                await tab.until(shows("here"))
                await question(tab, "Are you there?")
                await tab.until(progress("refused"))
                assert await tab.evaluate(text("progress")) == "the model is asleep"

    run(test)


@in_chrome
def test_the_card_of_a_browser_is_what_python_would_sign(tmp_path: Path) -> None:
    """Ed25519 signs deterministically, so that the texts are equal."""

    async def test() -> None:
        async with fleet_of(tmp_path, []) as fleet, browser(tmp_path / "profile") as tab, served(fleet) as url:
            await tab.open(url)
            await tab.until(shows("stranger"))
            for _ in range(5):
                identity = Identity.generate()
                kept = {"seed": plain(identity.signing_seed), "staticKey": plain(identity.static_key)}
                await tab.evaluate(f"localStorage.setItem('strata-keys-v1', {json.dumps(json.dumps(kept))})")
                await tab.open(url)
                await tab.until(shows("stranger"))
                assert (await tab.evaluate(text("command"))).split()[3] == identity.card.to_text()

    run(test)


def plain(key: bytes) -> str:
    return base64.urlsafe_b64encode(key).rstrip(b"=").decode()


@pytest.fixture(scope="session")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the page's sources, with what they need."""
    return installed(WEB, tmp_path_factory.mktemp("web") / "web")


def test_the_script_that_ships_is_what_its_sources_make(sources: Path, tmp_path: Path) -> None:
    subprocess.run(["node", "build.js", str(tmp_path / "app.js")], cwd=sources, check=True, timeout=60)
    assert (tmp_path / "app.js").read_bytes() == BUNDLE.read_bytes(), "run `make page`, and commit what it makes"


async def rows(tab) -> list[str]:
    return await tab.evaluate("[...document.querySelectorAll('#members th')].map((cell) => cell.textContent)")
