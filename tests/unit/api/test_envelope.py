"""What every answer has."""

import logging

import pytest

from strata.api import create_app

CAREFUL = ("Content-Security-Policy", "X-Content-Type-Options", "Cache-Control", "Referrer-Policy")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/healthz", 200),
        ("GET", "/no/such/path", 404),
        ("DELETE", "/v1/jobs", 405),
        ("GET", "/v1/jobs?limit=0", 422),
        ("POST", "/v1/jobs", 422),
        ("GET", "/v1/jobs/00000000-0000-4000-8000-000000000000", 404),
    ],
)
def test_every_answer_is_careful_and_every_error_a_problem(client, method: str, path: str, status: int) -> None:
    answer = client.request(method, path, headers={"X-Request-Id": "mine-1"})
    assert answer.status_code == status
    assert all(answer.headers[name] for name in CAREFUL)
    assert answer.headers["X-Request-Id"] == "mine-1"
    if status >= 400:
        assert answer.headers["Content-Type"] == "application/problem+json"
        found = answer.json()
        assert found["status"] == status
        assert {"type", "title", "detail"} <= found.keys()


@pytest.mark.parametrize("given", ["", "a b", "x" * 65, "../../etc"])
def test_an_id_that_could_be_mistaken_is_replaced(client, given: str) -> None:
    assert len(client.get("/healthz", headers={"X-Request-Id": given}).headers["X-Request-Id"]) == 32


def test_a_fault_tells_nothing_but_where_to_look(client_of, context, caplog) -> None:
    with client_of() as client:

        @client.app.get("/fault")
        def fault() -> None:
            raise RuntimeError("a secret of the server")

        with caplog.at_level(logging.INFO, "strata.api.envelope"):
            answer = client.get("/fault", headers={"X-Request-Id": "r-7"})
    assert answer.status_code == 500
    assert "secret" not in answer.text
    assert "request r-7" in answer.json()["detail"]
    assert "a secret of the server" in caplog.text  # with its traceback
    assert "GET /fault 500" in caplog.text


def test_a_line_of_the_log_cannot_be_forged_and_has_no_query(client, caplog) -> None:
    with caplog.at_level(logging.INFO, "strata.api.envelope"):
        client.get("/v1/%0Aforged?token=hidden")
    assert "/v1/%0Aforged 404" in caplog.text
    assert "hidden" not in caplog.text


def test_json_that_is_none_is_a_problem(client) -> None:
    for body in (b"{", b'{"\\ud800": 1}', b"\xff\xfe", b"[" * 100_000):
        answer = client.post("/v1/jobs", content=body, headers={"Content-Type": "application/json"})
        assert answer.status_code in {400, 422}
        assert answer.headers["Content-Type"] == "application/problem+json"


def test_limits_must_make_sense(context) -> None:
    from strata.api import Limits
    from strata.errors import StrataError

    with pytest.raises(StrataError):
        create_app(context, Limits(anonymous_rate="none"))


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/v1/jobs", "GET, POST"),
        ("/v1/jobs/00000000-0000-4000-8000-000000000000/cancel", "POST"),
        ("/healthz", "GET"),
        ("/openapi.json", "GET, HEAD"),
    ],
)
def test_what_cannot_be_done_is_told_what_can(client, path: str, allowed: str) -> None:
    answer = client.delete(path)
    assert answer.status_code == 405
    assert sorted(answer.headers["Allow"].split(", ")) == allowed.split(", ")


def test_a_query_that_nobody_reads_is_refused(client) -> None:
    assert client.get("/v1/jobs", params={"limit": 3}).status_code == 200
    answer = client.get("/v1/jobs", params={"limit": 3, "page": 2})
    assert answer.status_code == 422
    assert answer.json()["detail"] == "the query has no parameter 'page'; there are: limit, pipeline"
    assert client.get("/healthz?x=1").status_code == 422
