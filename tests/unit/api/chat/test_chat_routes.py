"""OpenAI's form over a scripted fleet: what is answered, how it is streamed, and how it is refused."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from strata.api import FleetUnavailable, Turn
from strata.store import Scope
from tests.support.events import events_in
from tests.support.scripted_fleet import CONTEXT, ScriptedFleet

CHAT = "/v1/chat/completions"
HELLO = {"model": "tiny", "messages": [{"role": "user", "content": "tell me a story"}], "temperature": 0}


def _ask(client: TestClient, **changed: Any) -> dict[str, Any]:
    response = client.post(CHAT, json={**HELLO, "max_tokens": 5, **changed})
    assert response.status_code == 200, response.text
    return response.json()


def _stream(client: TestClient, **changed: Any) -> list[dict[str, Any]]:
    response = client.post(CHAT, json={**HELLO, "max_tokens": 5, "stream": True, **changed})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    *chunks, done = events_in(response.text)
    assert done.data == "[DONE]"
    return [json.loads(chunk.data) for chunk in chunks]


def _error(client: TestClient, status: int, **changed: Any) -> dict[str, Any]:
    # Escaped, as a lone surrogate can only be sent.
    body = json.dumps({**HELLO, **changed})
    response = client.post(CHAT, content=body, headers={"Content-Type": "application/json"})
    assert response.status_code == status, response.text
    (error,) = response.json().values()
    assert set(error) == {"message", "type", "param", "code"}
    return error


def test_an_answer_at_once(client: TestClient) -> None:
    answer = _ask(client)
    assert answer["id"].startswith("chatcmpl-")
    assert (answer["object"], answer["model"]) == ("chat.completion", "tiny")
    (choice,) = answer["choices"]
    assert choice["finish_reason"] == "length"
    assert choice["message"]["role"] == "assistant"
    assert len(choice["message"]["content"].split()) == 5
    assert answer["usage"] == {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}


def test_a_stream_says_the_same_in_chunks(client: TestClient) -> None:
    whole = _ask(client)["choices"][0]
    first, *rest, last = _stream(client)
    assert {chunk["object"] for chunk in (first, *rest, last)} == {"chat.completion.chunk"}
    assert len({chunk["id"] for chunk in (first, *rest, last)}) == 1
    assert first["choices"][0]["delta"]["role"] == "assistant"
    assert "".join(chunk["choices"][0]["delta"]["content"] for chunk in rest) == whole["message"]["content"]
    assert [chunk["choices"][0]["finish_reason"] for chunk in (first, *rest)] == [None] * (1 + len(rest))
    assert (last["choices"][0]["delta"], last["choices"][0]["finish_reason"]) == ({}, "length")
    assert not any("usage" in chunk for chunk in (first, *rest, last))


def test_usage_comes_last_where_it_is_asked_for(client: TestClient) -> None:
    *chunks, last = _stream(client, stream_options={"include_usage": True})
    assert {chunk["usage"] for chunk in chunks} == {None}
    assert last["choices"] == []
    assert last["usage"] == {"prompt_tokens": 4, "completion_tokens": 5, "total_tokens": 9}


def test_the_fleet_gets_what_was_asked(client: TestClient, fleet: ScriptedFleet) -> None:
    conversation = [
        {"role": "developer", "content": "be brief"},
        {"role": "user", "content": [{"type": "text", "text": "tell "}, {"type": "text", "text": "me"}]},
        {"role": "assistant", "content": "no", "refusal": None, "tool_calls": None, "annotations": []},
        {"role": "user", "content": "please"},
    ]
    _ask(client, messages=conversation, temperature=0.5, top_p=0.9, seed=-1, stop=["x y z", "q"], max_tokens=7)
    (prompt,) = fleet.prompts
    assert prompt.turns == (
        Turn("system", "be brief"),
        Turn("user", "tell me"),
        Turn("assistant", "no"),
        Turn("user", "please"),
    )
    assert (prompt.temperature, prompt.top_p, prompt.seed) == (0.5, 0.9, 2**63 - 1)
    assert (prompt.stop, prompt.max_new_tokens, prompt.text) == (("x y z", "q"), 7, "")


def test_without_a_bound_the_context_is_one_and_without_a_seed_one_is_drawn(
    client: TestClient, fleet: ScriptedFleet
) -> None:
    answers = [_ask(client, max_tokens=None, temperature=None) for _ in range(2)]
    assert [answer["usage"]["total_tokens"] for answer in answers] == [CONTEXT, CONTEXT]
    assert fleet.prompts[0].temperature == 1.0
    assert fleet.prompts[0].seed != fleet.prompts[1].seed


def test_a_text_to_stop_at_ends_the_answer(client: TestClient) -> None:
    whole = _ask(client)["choices"][0]["message"]["content"].split()
    choice = _ask(client, stop=f" {whole[2]}")["choices"][0]
    assert (choice["message"]["content"], choice["finish_reason"]) == (" ".join(whole[:2]), "stop")


@pytest.mark.parametrize(
    "neutral",
    [
        {"n": 1, "presence_penalty": 0, "frequency_penalty": 0.0, "logprobs": False, "logit_bias": {}, "tools": []},
        {"response_format": {"type": "text"}, "modalities": ["text"], "tool_choice": "none", "store": False},
        {"user": "somebody", "metadata": {"a": "b"}, "service_tier": "auto", "safety_identifier": "x"},
    ],
)
def test_what_asks_for_nothing_special_is_taken(client: TestClient, neutral: dict[str, Any]) -> None:
    assert _ask(client, **neutral)["choices"] == _ask(client)["choices"]


@pytest.mark.parametrize(
    ("changed", "param", "code"),
    [
        ({"n": 2}, "n", "invalid_value"),
        ({"tools": [{"type": "function"}]}, "tools", "invalid_value"),
        ({"logprobs": True}, "logprobs", "invalid_value"),
        ({"presence_penalty": 0.5}, "presence_penalty", "invalid_value"),
        ({"response_format": {"type": "json_object"}}, "response_format.type", "invalid_value"),
        ({"reasoning_effort": "high"}, "reasoning_effort", "unsupported_parameter"),
        ({"temperature": 3}, "temperature", "invalid_value"),
        ({"top_p": 0}, "top_p", "invalid_value"),
        ({"max_tokens": 0}, "max_tokens", "invalid_value"),
        ({"messages": []}, "messages", "invalid_value"),
        ({"stop": ["a", "b", "c", "d", "e"]}, None, "invalid_value"),
        ({"stop": ""}, None, "invalid_value"),
        ({"messages": [{"role": "tool", "content": "x"}]}, "messages.0.role", "invalid_value"),
        ({"messages": [{"role": "user", "content": [{"type": "image_url", "text": ""}]}]}, None, "invalid_value"),
        ({"messages": [{"role": "user", "content": "\ud800"}]}, None, "invalid_value"),
        ({"max_tokens": 1, "max_completion_tokens": 1}, None, "invalid_value"),
        ({"stream_options": {"include_usage": True}}, None, "invalid_value"),
    ],
)
def test_what_is_not_there_is_refused_by_name(
    client: TestClient, changed: dict[str, Any], param: str | None, code: str
) -> None:
    error = _error(client, 400, **changed)
    assert (error["type"], error["code"]) == ("invalid_request_error", code)
    if param is not None:
        assert error["param"] == param


def test_no_json_is_refused(client: TestClient) -> None:
    response = client.post(CHAT, content=b"{", headers={"Content-Type": "application/json"})
    assert (response.status_code, response.json()["error"]["code"]) == (400, "invalid_json")


def test_a_prompt_that_no_model_could_answer_is_a_bad_request(client: TestClient) -> None:
    long = [{"role": "user", "content": "word " * CONTEXT}]
    assert "not answered" in _error(client, 400, messages=long)["message"]
    assert "not answered" in _error(client, 400, messages=long, stream=True)["message"]


def test_an_unknown_model_is_not_found(client: TestClient) -> None:
    assert _error(client, 404, model="gpt-4")["code"] == "model_not_found"
    assert client.get("/v1/models/gpt-4").json()["error"]["code"] == "model_not_found"


@pytest.mark.parametrize("stream", [False, True])
def test_a_fleet_that_is_starting_says_so(client: TestClient, fleet: ScriptedFleet, stream: bool) -> None:
    fleet.down = "its nodes are being reached"
    error = _error(client, 503, stream=stream)
    assert (error["type"], error["message"]) == ("server_error", "its nodes are being reached")
    assert client.post(CHAT, json=HELLO).headers["retry-after"] == "5"
    assert client.get("/v1/models").json() == {"object": "list", "data": []}


def test_an_answer_that_breaks_off_is_an_error_in_the_stream_or_in_its_place(
    client: TestClient, fleet: ScriptedFleet
) -> None:
    fleet.failure = FleetUnavailable("its nodes are gone")
    assert _error(client, 503)["message"] == "its nodes are gone"
    response = client.post(CHAT, json={**HELLO, "stream": True})
    assert response.status_code == 200
    last = json.loads(events_in(response.text)[-1].data)
    assert last["error"]["message"] == "its nodes are gone"


def test_models_are_listed(client: TestClient) -> None:
    (model,) = client.get("/v1/models").json()["data"]
    assert model == {"id": "tiny", "object": "model", "created": 1767225600, "owned_by": "strata"}
    assert client.get("/v1/models/tiny").json() == model


def test_a_token_with_the_scope_is_needed(app: FastAPI, secret: Callable[[Scope], str]) -> None:
    with TestClient(app, backend="trio") as client:
        for headers in ({}, {"Authorization": "Bearer strata_wrong"}):
            response = client.post(CHAT, json=HELLO, headers=headers)
            assert response.status_code == 401
            assert "Bearer" in response.headers["www-authenticate"]
        response = client.post(CHAT, json=HELLO, headers={"Authorization": f"Bearer {secret('read')}"})
        assert (response.status_code, response.json()["error"]["code"]) == (403, "insufficient_scope")


def test_the_schema_describes_them(app: FastAPI) -> None:
    described = app.openapi()["paths"][CHAT]["post"]
    assert set(described["responses"]["200"]["content"]) == {"application/json", "text/event-stream"}
    assert described["responses"]["400"]["content"]["application/json"]["schema"]["$ref"].endswith("/ErrorAnswer")
