"""Our own form: events that say what comes, who was lost, and what it took."""

import json
from collections.abc import Callable
from typing import Any

import pytest
from fastapi import FastAPI
from starlette.testclient import TestClient

from strata.api import FleetUnavailable, Recovered, Turn
from strata.store import Scope
from tests.support.events import Event, comments_in, events_in
from tests.support.scripted_fleet import ScriptedFleet

EXECUTE = "/v1/inference/distributed/execute"


def _events(client: TestClient, **asked: Any) -> list[tuple[str, dict[str, Any]]]:
    response = client.post(EXECUTE, json={"text": "tell me", "max_new_tokens": 4, **asked})
    assert response.status_code == 200, response.text
    assert response.headers["content-type"].startswith("text/event-stream")
    assert comments_in(response.text) == ["accepted"]
    return [(event.name, json.loads(event.data)) for event in events_in(response.text)]


def test_text_and_at_the_end_figures(client: TestClient) -> None:
    *texts, (last, figures) = _events(client)
    assert {name for name, _ in texts} == {"text"}
    assert len("".join(document["text"] for _, document in texts).split()) == 4
    assert last == "done"
    assert figures == {"finish": "length", "prompt_tokens": 2, "tokens": 4, "seconds": 0.0}


def test_a_lost_node_is_told(client: TestClient, fleet: ScriptedFleet) -> None:
    fleet.recovery = Recovered("b", (3, 4), "its link ended", "moved 2 layer(s) from 3 on to c", 0.4)
    names = [name for name, _ in _events(client)]
    assert names == ["text", "recovery", "text", "text", "text", "done"]
    assert _events(client)[1][1] == {
        "node": "b",
        "layers": [3, 4],
        "reason": "its link ended",
        "response": "moved 2 layer(s) from 3 on to c",
        "seconds": 0.4,
    }


def test_a_failure_under_way_is_an_event(client: TestClient, fleet: ScriptedFleet) -> None:
    fleet.failure = FleetUnavailable("its nodes are gone")
    assert _events(client)[-1] == ("error", {"detail": "its nodes are gone"})


def test_before_it_begins_it_is_a_problem(client: TestClient, fleet: ScriptedFleet) -> None:
    response = client.post(EXECUTE, json={"text": "word " * 100})
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")
    fleet.down = "its nodes are being reached"
    response = client.post(EXECUTE, json={"text": "hello"})
    assert (response.status_code, response.json()["detail"]) == (503, "its nodes are being reached")


def test_a_conversation_or_a_text(client: TestClient, fleet: ScriptedFleet) -> None:
    _events(client, text=None, messages=[{"role": "system", "content": "a"}, {"role": "user", "content": "b"}], top_k=3)
    assert fleet.prompts[0].turns == (Turn("system", "a"), Turn("user", "b"))
    assert (fleet.prompts[0].model, fleet.prompts[0].text, fleet.prompts[0].top_k) == ("tiny", "", 3)


@pytest.mark.parametrize(
    "asked",
    [
        {},
        {"text": "a", "messages": [{"role": "user", "content": "b"}]},
        {"text": "a", "max_new_tokens": 0},
        {"text": "a", "seed": -1},
        {"text": "a", "stop": [""]},
        {"text": "a", "unknown": 1},
    ],
)
def test_what_is_no_request_is_refused(client: TestClient, asked: dict[str, Any]) -> None:
    response = client.post(EXECUTE, json=asked)
    assert (response.status_code, response.headers["content-type"]) == (422, "application/problem+json")


def test_text_of_several_lines_is_one_event(client: TestClient, fleet: ScriptedFleet) -> None:
    """Line ends within JSON are escaped, so no event is cut in two."""
    fleet.failure = FleetUnavailable("two\n\nlines: data: x\r\n")
    name, document = _events(client)[-1]
    assert (name, document["detail"]) == ("error", "two\n\nlines: data: x\r\n")
    assert events_in("data: a\ndata: b\n\n") == [Event("message", "a\nb")]


def test_a_token_with_the_scope_is_needed(app: FastAPI, secret: Callable[[Scope], str], fleet: ScriptedFleet) -> None:
    with TestClient(app, backend="trio") as client:
        assert client.post(EXECUTE, json={"text": "hello"}).status_code == 401
        response = client.post(EXECUTE, json={"text": "hello"}, headers={"Authorization": f"Bearer {secret('read')}"})
        assert (response.status_code, response.headers["content-type"]) == (403, "application/problem+json")
    assert fleet.prompts == []
