"""Who is let in, before a byte of a body is read."""

from datetime import UTC, datetime, timedelta

import pytest
import trio

from strata.api import Limits, create_app
from strata.store import TokenLog

STATUS = "/v1/inference/distributed/status"
# A day, lest a test fall on the change of a minute.
LITTLE = Limits(rate="3/day", anonymous_rate="2/day", body_bytes=1000)


def test_without_a_token_nothing_is_told(client_of) -> None:
    with client_of(token=None) as client:
        for path in (STATUS, "/v1/jobs", "/no/such/path"):
            answer = client.get(path)
            assert answer.status_code == 401
            assert answer.headers["WWW-Authenticate"] == "Bearer"
            assert answer.headers["Content-Type"] == "application/problem+json"


@pytest.mark.parametrize("wrong", ["nobody", "strata_" + "A" * 43, "", "x" * 10_000])
def test_a_wrong_token_is_none(client_of, wrong: str) -> None:
    with client_of(token=None) as client:
        answer = client.get(STATUS, headers={"Authorization": f"Bearer {wrong}"})
        assert answer.status_code == 401
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_a_token_under_another_scheme_is_none(client_of, secret) -> None:
    with client_of(token=None) as client:
        assert client.get(STATUS, headers={"Authorization": f"Basic {secret()}"}).status_code == 401
        assert client.get(STATUS, headers={"Authorization": f"bearer {secret()}"}).status_code == 200


def test_a_token_is_refused_from_the_moment_it_is_revoked(client, ledger) -> None:
    assert client.get(STATUS).status_code == 200
    TokenLog(ledger).revoke(1)
    assert client.get(STATUS).status_code == 401


def test_a_token_is_refused_once_its_time_is_over(ledger) -> None:
    token, secret = TokenLog(ledger).create("short", ("read",), datetime.now(UTC) + timedelta(hours=1))
    assert TokenLog(ledger).find_valid(secret) == token
    assert not token.is_valid(datetime.now(UTC) + timedelta(hours=2))


@pytest.mark.parametrize(
    ("scope", "method", "path"),
    [
        ("infer", "GET", STATUS),
        ("read", "POST", "/v1/inference/distributed/plan"),
        ("infer", "POST", "/v2/archaeological/p2p/mesh/optimize"),
        ("operate", "GET", "/v1/security/ech/summary"),
        ("read", "POST", "/v1/jobs"),
    ],
)
def test_a_scope_is_needed(client_of, scope: str, method: str, path: str) -> None:
    with client_of(scope) as client:
        answer = client.request(method, path, json={"pipeline": "mesh"} if method == "POST" else None)
        assert answer.status_code == 403
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


def test_what_is_open_needs_no_token(client_of) -> None:
    with client_of(token=None) as client:
        assert client.get("/healthz").json()["status"] == "ok"
        assert client.get("/openapi.json").json()["openapi"].startswith("3.")


@pytest.mark.parametrize(
    ("known", "length", "status"), [(False, b"2", 401), (True, b"1001", 413), (True, b"much", 413)]
)
def test_of_who_is_refused_no_body_is_read(context, secret, known: bool, length: bytes, status: int) -> None:
    app = create_app(context, LITTLE)
    headers = [(b"content-length", length)]
    headers += [(b"authorization", b"Bearer " + secret().encode())] if known else []
    scope = {"type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": "POST", "scheme": "http"}
    scope |= {
        "path": "/v1/jobs",
        "raw_path": b"/v1/jobs",
        "query_string": b"",
        "headers": headers,
        "client": ("::1", 1),
    }
    sent = []

    async def receive():
        raise AssertionError("the body was read")

    async def send(message) -> None:
        sent.append(message)

    trio.run(app, scope, receive, send)
    assert sent[0]["status"] == status


def test_a_flooding_token_is_refused_while_another_is_served(client_of, secret) -> None:
    with client_of(limits=LITTLE) as client:
        answers = [client.get(STATUS) for _ in range(5)]
        assert [answer.status_code for answer in answers] == [200, 200, 200, 429, 429]
        refused = answers[-1]
        assert 1 <= int(refused.headers["Retry-After"]) <= 86400
        assert refused.headers["RateLimit-Policy"] == '"token";q=3;w=86400'
        assert refused.headers["RateLimit"].startswith('"token";r=0;t=')
        assert answers[0].headers["RateLimit"].startswith('"token";r=2;t=')
        other = client.get(STATUS, headers={"Authorization": f"Bearer {secret()}"})
        assert other.status_code == 200


def test_flooding_without_a_token_is_refused_while_tokens_of_the_same_address_are_served(client_of, secret) -> None:
    with client_of(token=None, limits=LITTLE) as client:
        assert [client.get("/healthz").status_code, client.get(STATUS).status_code] == [200, 401]
        refused = client.get("/healthz")
        assert refused.status_code == 429
        assert refused.headers["RateLimit-Policy"] == '"address";q=2;w=86400'
        assert client.get(STATUS, headers={"Authorization": f"Bearer {secret()}"}).status_code == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_a_body_has_so_many_bytes_at_most(client_of, chunked: bool) -> None:
    json = {"Content-Type": "application/json"}
    fits, more = b'{"pipeline":"mesh"}'.ljust(1000), b'{"pipeline":"mesh"}'.ljust(1001)
    with client_of(limits=LITTLE) as client:

        def post(body: bytes):
            pieces = (body[at : at + 300] for at in range(0, len(body), 300))
            return client.post("/v1/jobs", content=pieces if chunked else body, headers=json)

        assert post(fits).status_code == 202
        refused = post(more)
        assert refused.status_code == 413
        assert refused.headers["Content-Type"] == "application/problem+json"
        assert "1,000 bytes" in refused.json()["detail"]
