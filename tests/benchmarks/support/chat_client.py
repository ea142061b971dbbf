"""A client of the API in a process of its own: what its requests take, as it sees them."""

import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from typing import Any


@dataclass(frozen=True)
class Timed:
    """Seconds from the request to the first text and to the end, and between two pieces of text; and the text."""

    first: float
    whole: float
    between: float
    text: str


def client_process() -> ProcessPoolExecutor:
    """Where the functions below run; it ends with its block."""
    return ProcessPoolExecutor(1, mp_context=get_context("spawn"))


_clients: dict[str, Any] = {}


def _client(url: str, token: str) -> Any:
    import openai

    if url not in _clients:
        _clients[url] = openai.OpenAI(base_url=f"{url}/v1", api_key=token, max_retries=0)
    return _clients[url]


def chat(url: str, token: str, model: str, prompt: str, tokens: int) -> Timed:
    """Stream an answer of so many tokens with the official client."""
    turns = [{"role": "user", "content": prompt}]
    began, times, said = time.perf_counter(), [], []
    stream = _client(url, token).chat.completions.create(
        model=model, messages=turns, temperature=0, max_tokens=tokens, stream=True
    )
    with stream as chunks:
        for chunk in chunks:
            if text := chunk.choices[0].delta.content:
                times.append(time.perf_counter())
                said.append(text)
    between = (times[-1] - times[0]) / (len(times) - 1)
    return Timed(times[0] - began, time.perf_counter() - began, between, "".join(said))


def list_models(url: str, token: str, times: int) -> list[float]:
    """Seconds of each of so many requests for the list of models, over one connection."""
    import httpx

    taken = []
    with httpx.Client(headers={"Authorization": f"Bearer {token}"}) as client:
        for _ in range(times):
            began = time.perf_counter()
            client.get(f"{url}/v1/models").raise_for_status()
            taken.append(time.perf_counter() - began)
    return taken


def median_ms(seconds: list[float]) -> float:
    """The median, in milliseconds."""
    return 1e3 * statistics.median(seconds)
