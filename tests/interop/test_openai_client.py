"""The official client of OpenAI talks to nodes of this machine, over real sockets."""

import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import trio

from strata.api import Fleet, open_fleet
from strata.inference import GenerationParams, LocalCluster, generate_locally
from strata.settings import Settings
from strata.store import IncidentLog
from tests.benchmarks.support.served import served
from tests.support.events import events_in

pytestmark = pytest.mark.anyio

NODES = 3
QUESTION = "Explain in one sentence why the sea is salty."
PARAMS = GenerationParams(max_new_tokens=24)
CHAT = {"model": "smollm2", "messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": 24}


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory, smollm2: Path) -> Settings:
    """A home with the converted model in it; layers are split evenly, so that all nodes have some."""
    home = tmp_path_factory.mktemp("home")
    (home / "models").symlink_to(smollm2.parent)
    return Settings(STRATA_HOME=home, STRATA_LEDGER_URL=None, DISTRIBUTED_INFERENCE_CROSS_NODE_OPT=False)


@pytest.fixture(scope="module")
def cluster(settings: Settings) -> Iterator[LocalCluster]:
    with LocalCluster(settings.home, NODES, threads=1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def expected(smollm2: Path) -> Any:
    return generate_locally(smollm2, [QUESTION], PARAMS)


@asynccontextmanager
async def _api(settings: Settings, cluster: LocalCluster) -> AsyncIterator[tuple[Fleet, str, str]]:
    opened = open_fleet(
        settings, model="smollm2", mesh=cluster.mesh_file, identity=cluster.identity_file, context=256, sessions=2
    )
    async with opened as fleet, served(settings, fleet) as (url, token):
        with trio.fail_after(120):
            await fleet.ready()
        yield fleet, url, token


async def _with_client(url: str, token: str, use: Callable[[openai.OpenAI], Any]) -> Any:
    """What `use` returns, called in a thread with the official client."""

    def run() -> Any:
        with openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0, timeout=100) as client:
            return use(client)

    return await trio.to_thread.run_sync(run)


@pytest.mark.timeout(280)
async def test_it_chats(settings: Settings, cluster: LocalCluster, expected: Any) -> None:
    def at_once(client: openai.OpenAI) -> Any:
        return client.chat.completions.create(**CHAT)

    def streamed(client: openai.OpenAI) -> Any:
        with client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}) as chunks:
            return list(chunks)

    def again(client: openai.OpenAI) -> Any:
        """A second turn, with the first answer as the client has it."""
        first = client.chat.completions.create(**CHAT).choices[0].message
        turns = [*CHAT["messages"], first, {"role": "user", "content": "Thanks."}]
        return client.chat.completions.create(**{**CHAT, "messages": turns, "max_tokens": 4})

    async with _api(settings, cluster) as (_, url, token):
        models = await _with_client(url, token, lambda client: list(client.models.list()))
        assert [model.id for model in models] == ["smollm2"]
        assert (await _with_client(url, token, lambda client: client.models.retrieve("smollm2"))).id == "smollm2"
        whole = await _with_client(url, token, at_once)
        assert whole.choices[0].message.content == expected.text[0]
        assert whole.choices[0].finish_reason == expected.finish[0]
        assert whole.usage.prompt_tokens == expected.prompt_tokens
        assert whole.usage.completion_tokens == expected.tokens
        *chunks, last = await _with_client(url, token, streamed)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == expected.text[0]
        assert chunks[-1].choices[0].finish_reason == expected.finish[0]
        assert last.usage == whole.usage
        assert (await _with_client(url, token, again)).usage.prompt_tokens > whole.usage.total_tokens


@pytest.mark.timeout(280)
async def test_its_errors_are_the_client_s(settings: Settings, cluster: LocalCluster) -> None:
    async def refused(kind: type[openai.APIError], secret: str, **changed: Any) -> Any:
        def ask(client: openai.OpenAI) -> Any:
            with pytest.raises(kind) as caught:
                client.chat.completions.create(**{**CHAT, **changed})
            return caught.value

        return await _with_client(url, secret, ask)

    async with _api(settings, cluster) as (_, url, token):
        await refused(openai.AuthenticationError, "strata_wrong")
        assert (await refused(openai.NotFoundError, token, model="gpt-4")).code == "model_not_found"
        assert (await refused(openai.BadRequestError, token, n=2)).param == "n"
        long = [{"role": "user", "content": "sea " * 400}]
        assert "shorten" in (await refused(openai.BadRequestError, token, messages=long)).message


@pytest.mark.timeout(280)
async def test_a_client_that_goes_away_ends_its_session_on_the_nodes(settings: Settings, cluster: LocalCluster) -> None:
    def leave(client: openai.OpenAI) -> None:
        with client.chat.completions.create(**{**CHAT, "max_tokens": 200}, stream=True) as chunks:
            for _, chunk in zip(range(3), chunks, strict=False):
                assert chunk.choices[0].finish_reason is None

    async with _api(settings, cluster) as (fleet, url, token):
        await _with_client(url, token, leave)
        with trio.fail_after(10):
            while any(node.figures["sessions"] for node in await fleet.nodes()):
                await trio.lowlevel.checkpoint()


@pytest.mark.timeout(280)
async def test_a_slow_reader_keeps_no_node_busy(settings: Settings, cluster: LocalCluster, expected: Any) -> None:
    """He is sent all of it when he reads on; the nodes are done long before."""
    reads = threading.Event()

    def ask(url: str, token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        body = {"messages": CHAT["messages"], "max_new_tokens": 24}
        with httpx.Client(timeout=100) as client:
            path = f"{url}/v1/inference/distributed/execute"
            with client.stream("POST", path, json=body, headers=headers) as response:
                pieces = response.iter_raw()
                said = next(pieces)
                reads.wait()
                return (said + b"".join(pieces)).decode()

    heard: list[str] = []
    async with _api(settings, cluster) as (fleet, url, token):

        async def listen() -> None:
            heard.append(await trio.to_thread.run_sync(ask, url, token))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(listen)
            begun = False
            with trio.fail_after(60):
                while not begun or any(node.figures["sessions"] for node in await fleet.nodes()):
                    begun = begun or any(node.figures["sessions"] for node in await fleet.nodes())
            assert not heard
            reads.set()
    *texts, done = events_in(heard[0])
    assert {event.name for event in texts} == {"text"}
    assert done.name == "done"


@pytest.mark.timeout(280)
async def test_a_node_killed_in_mid_answer_is_not_seen_in_the_text(
    settings: Settings, cluster: LocalCluster, expected: Any
) -> None:
    """The last test: it costs the cluster a node."""
    killed = cluster.nodes[1].name

    def ask(client: openai.OpenAI) -> str:
        said = ""
        with client.chat.completions.create(**CHAT, stream=True) as chunks:
            for number, chunk in enumerate(chunks):
                said += chunk.choices[0].delta.content or ""
                if number == 5:
                    cluster.kill(killed)
        return said

    async with _api(settings, cluster) as (fleet, url, token):
        assert await _with_client(url, token, ask) == expected.text[0]
        states = {node.name: node for node in await fleet.nodes()}
        assert not states[killed].reachable
        assert states[killed].layers is None
    with IncidentLog(settings.ledger) as log:
        (incident,) = log.recent()
        assert (incident.subject, incident.state) == (killed, "resolved")
