"""The official client of OpenAI talks to nodes of this machine, over real sockets."""

import json
import threading
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
import trio
from transformers import AutoTokenizer

from strata.api import Fleet, open_fleet
from strata.inference import GenerationParams, LocalCluster, generate_locally
from strata.settings import Settings
from strata.store import IncidentLog
from tests.benchmarks.support.served import served
from tests.support.events import events_in
from tests.support.fleet import tokenizer_with_words
from tests.support.nodes import tiny_llama
from tests.support.opened_fleet import settings_at

pytestmark = pytest.mark.anyio

NODES = 3
CONTEXT = 1024
QUESTION = "tell me a story"
# As the models do that people know: who speaks, what he says, and then it is the model's turn.
TEMPLATE = "{% for turn in messages %}{{ turn.role }} {{ turn.content }} {% endfor %}assistant"
CHAT = {"model": "tiny", "messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": 24}
LONG = {**CHAT, "max_tokens": 400}


@pytest.fixture(scope="module")
def model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A random model with a chat template."""
    folder = tmp_path_factory.mktemp("models") / "tiny"
    tiny_llama(folder, context=CONTEXT)
    tokenizer_with_words(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = TEMPLATE
    tokenizer.save_pretrained(folder)
    return folder


@pytest.fixture(scope="module")
def settings(tmp_path_factory: pytest.TempPathFactory) -> Settings:
    """Layers are split evenly, so that all nodes have some."""
    return settings_at(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="module")
def cluster(settings: Settings) -> Iterator[LocalCluster]:
    with LocalCluster(settings.home, NODES, threads=1) as cluster:
        yield cluster


@pytest.fixture(scope="module")
def expected(model: Path) -> dict[int, Any]:
    """What one process says, by how long it may be."""
    return {
        tokens: generate_locally(model, [QUESTION], GenerationParams(max_new_tokens=tokens))
        for tokens in (CHAT["max_tokens"], LONG["max_tokens"])
    }


@asynccontextmanager
async def _api(settings: Settings, model: Path, cluster: LocalCluster) -> AsyncIterator[tuple[Fleet, str, str]]:
    where = {"mesh": cluster.mesh_file, "identity": cluster.identity_file}
    opened = open_fleet(settings, model=str(model), context=CONTEXT, sessions=2, **where)
    async with opened as fleet, served(settings, fleet) as (url, token):
        with trio.fail_after(60):
            await fleet.ready()
        yield fleet, url, token


async def _with_client(url: str, token: str, use: Callable[[openai.OpenAI], Any]) -> Any:
    """What `use` returns, called in a thread with the official client."""

    def run() -> Any:
        with openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0, timeout=100) as client:
            return use(client)

    return await trio.to_thread.run_sync(run)


async def test_it_chats(settings: Settings, model: Path, cluster: LocalCluster, expected: dict[int, Any]) -> None:
    def at_once(client: openai.OpenAI) -> Any:
        return client.chat.completions.create(**CHAT)

    def streamed(client: openai.OpenAI) -> Any:
        with client.chat.completions.create(**CHAT, stream=True, stream_options={"include_usage": True}) as chunks:
            return list(chunks)

    def again(client: openai.OpenAI) -> Any:
        """A second turn, with the first answer as the client has it."""
        first = client.chat.completions.create(**CHAT).choices[0].message
        turns = [*CHAT["messages"], first, {"role": "user", "content": "tell me"}]
        return client.chat.completions.create(**{**CHAT, "messages": turns, "max_tokens": 4})

    async with _api(settings, model, cluster) as (_, url, token):
        models = await _with_client(url, token, lambda client: list(client.models.list()))
        assert [model.id for model in models] == ["tiny"]
        assert (await _with_client(url, token, lambda client: client.models.retrieve("tiny"))).id == "tiny"
        short = expected[CHAT["max_tokens"]]
        whole = await _with_client(url, token, at_once)
        assert whole.choices[0].message.content == short.text[0]
        assert whole.choices[0].finish_reason == short.finish[0]
        assert whole.usage.prompt_tokens == short.prompt_tokens
        assert whole.usage.completion_tokens == short.tokens
        *chunks, last = await _with_client(url, token, streamed)
        assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks) == short.text[0]
        assert chunks[-1].choices[0].finish_reason == short.finish[0]
        assert last.usage == whole.usage
        assert (await _with_client(url, token, again)).usage.prompt_tokens > whole.usage.total_tokens


async def test_its_errors_are_the_client_s(settings: Settings, model: Path, cluster: LocalCluster) -> None:
    async def refused(kind: type[openai.APIError], secret: str, **changed: Any) -> Any:
        def ask(client: openai.OpenAI) -> Any:
            with pytest.raises(kind) as caught:
                client.chat.completions.create(**{**CHAT, **changed})
            return caught.value

        return await _with_client(url, secret, ask)

    async with _api(settings, model, cluster) as (_, url, token):
        await refused(openai.AuthenticationError, "strata_wrong")
        assert (await refused(openai.NotFoundError, token, model="gpt-4")).code == "model_not_found"
        assert (await refused(openai.BadRequestError, token, n=2)).param == "n"
        long = [{"role": "user", "content": "story " * CONTEXT}]
        assert "shorten" in (await refused(openai.BadRequestError, token, messages=long)).message


async def test_a_client_that_goes_away_ends_its_session_on_the_nodes(
    settings: Settings, model: Path, cluster: LocalCluster
) -> None:
    def leave(client: openai.OpenAI) -> None:
        with client.chat.completions.create(**LONG, stream=True) as chunks:
            for _, chunk in zip(range(3), chunks, strict=False):
                assert chunk.choices[0].finish_reason is None

    async with _api(settings, model, cluster) as (fleet, url, token):
        await _with_client(url, token, leave)
        with trio.fail_after(10):
            while any(node.figures["sessions"] for node in await fleet.nodes()):
                await trio.lowlevel.checkpoint()


async def test_a_slow_reader_keeps_no_node_busy(
    settings: Settings, model: Path, cluster: LocalCluster, expected: dict[int, Any]
) -> None:
    """He is sent all of it when he reads on; the nodes are done long before."""
    reads = threading.Event()

    def ask(url: str, token: str) -> str:
        headers = {"Authorization": f"Bearer {token}"}
        body = {"messages": CHAT["messages"], "max_new_tokens": LONG["max_tokens"]}
        with httpx.Client(timeout=100) as client:
            path = f"{url}/v1/inference/distributed/execute"
            with client.stream("POST", path, json=body, headers=headers) as response:
                pieces = response.iter_raw()
                said = next(pieces)
                reads.wait()
                return (said + b"".join(pieces)).decode()

    heard: list[str] = []
    async with _api(settings, model, cluster) as (fleet, url, token):

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
    said = "".join(json.loads(event.data)["text"] for event in texts)
    assert said == expected[LONG["max_tokens"]].text[0]


async def test_a_node_killed_in_mid_answer_is_not_seen_in_the_text(
    settings: Settings, model: Path, cluster: LocalCluster, expected: dict[int, Any]
) -> None:
    """The last test: it costs the cluster a node."""
    killed = cluster.nodes[1].name

    def ask(client: openai.OpenAI) -> str:
        said = ""
        with client.chat.completions.create(**LONG, stream=True) as chunks:
            for number, chunk in enumerate(chunks):
                said += chunk.choices[0].delta.content or ""
                if number == 5:
                    cluster.kill(killed)
        return said

    async with _api(settings, model, cluster) as (fleet, url, token):
        assert await _with_client(url, token, ask) == expected[LONG["max_tokens"]].text[0]
        states = {node.name: node for node in await fleet.nodes()}
        assert not states[killed].reachable
        assert states[killed].layers is None
    with IncidentLog(settings.ledger) as log:
        (incident,) = log.recent()
        assert (incident.subject, incident.state) == (killed, "resolved")
