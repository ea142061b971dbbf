"""A chat over the API beside the same through the coordinator, in the same run and in turns.

The API is served by hypercorn on a loopback port, in the loop in which the coordinator runs; its client is the official
one of OpenAI, in a process of its own. Both ask the same nodes for the same greedy answer; that the texts are the same
is checked. `ours` is a token over the API, `peer` one directly, from the first piece of text to the last: the API can
only add to that, so the peer is the limit. Beside it: how much later the first text comes, and a request that does
nothing.
"""

import argparse
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path

import trio
from support.chat_client import Timed, chat, client_process, list_models, median_ms
from support.served import served

from strata.api import open_fleet
from strata.inference import GenerationParams, resolve_model
from strata.settings import Settings

PROMPT = "Explain in one sentence why the sea is salty."


async def measure(settings: Settings, arguments: argparse.Namespace, client: ProcessPoolExecutor) -> None:
    """Measure and print; the last line is JSON."""
    opened = open_fleet(settings, model=arguments.model, nodes=arguments.nodes, context=512, sessions=1)
    async with opened as fleet, served(settings, fleet) as (url, token):
        await fleet.ready()

        async def over_api() -> Timed:
            future = client.submit(chat, url, token, fleet.name, PROMPT, arguments.tokens)
            return await trio.to_thread.run_sync(future.result)

        async def directly() -> Timed:
            running = fleet._running
            began, times, said = time.perf_counter(), [], []

            def on_text(_: int, text: str) -> None:
                times.append(time.perf_counter())
                said.append(text)

            await running.coordinator.generate(
                running.checkpoint,
                running.plan,
                [PROMPT],
                GenerationParams(max_new_tokens=arguments.tokens),
                on_text,
                watcher=running.watcher,
            )
            between = (times[-1] - times[0]) / (len(times) - 1)
            return Timed(times[0] - began, time.perf_counter() - began, between, "".join(said))

        await directly()
        await over_api()
        pairs = [(await over_api(), await directly()) for _ in range(arguments.rounds)]
        future = client.submit(list_models, url, token, arguments.requests)
        nothing = sorted(await trio.to_thread.run_sync(future.result))
    assert {text for pair in pairs for text in (pair[0].text, pair[1].text)} == {pairs[0][0].text}
    ours, peer = (median_ms([pair[side].between for pair in pairs]) for side in (0, 1))
    first = [median_ms([pair[side].first for pair in pairs]) for side in (0, 1)]
    whole = [median_ms([pair[side].whole for pair in pairs]) for side in (0, 1)]
    print(
        f"a token {ours:.2f} ms over the API, {peer:.2f} ms directly; first text after {first[0]:.1f} and "
        f"{first[1]:.1f} ms; the whole answer {whole[0]:.0f} and {whole[1]:.0f} ms; a list of models "
        f"{median_ms(nothing):.2f} ms"
    )
    figures = {
        "name": "api_overhead",
        "ours": ours,
        "peer": peer,
        "unit": "ms a token",
        "ratio": peer / ours,
        "limit": peer,
        "peer_name": "the same through the coordinator, without the API",
        "nodes": arguments.nodes,
        "tokens": arguments.tokens,
        "rounds": arguments.rounds,
        "first_text_ms": first[0],
        "peer_first_text_ms": first[1],
        "answer_ms": whole[0],
        "peer_answer_ms": whole[1],
        "list_models_ms_median": median_ms(nothing),
        "list_models_ms_p95": 1e3 * nothing[int(0.95 * len(nothing))],
    }
    print(json.dumps(figures))


def main() -> None:
    """Measure and print; the last line is JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--model", default="smollm2")
    parser.add_argument("--nodes", type=int, default=2)
    parser.add_argument("--tokens", type=int, default=48)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--requests", type=int, default=200)
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, client_process() as client:
        settings = Settings(STRATA_HOME=Path(folder), STRATA_LEDGER_URL=None)
        resolve_model(arguments.model, settings)
        trio.run(measure, settings, arguments, client)


if __name__ == "__main__":
    main()
