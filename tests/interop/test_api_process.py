"""The API as a process over real sockets: whom it refuses, whom it serves meanwhile, and how it begins and ends."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from tests.support.api_server import ROOT, api_process, token_of
from tests.support.prefect_server import prefect_server

STATUS = "/v1/inference/distributed/status"
LITTLE = {"rate": "20/day", "anonymous_rate": "5/day", "body_bytes": 2000}


@pytest.fixture
def server(tmp_path: Path) -> Iterator[tuple[str, Path]]:
    with api_process(tmp_path / "home", API_LIMITS=json.dumps(LITTLE)) as (url, _):
        yield url, tmp_path / "home"


@pytest.fixture(scope="module")
def bare_prefect(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The API of a Prefect server that has no deployments, and no runs."""
    with prefect_server(tmp_path_factory.mktemp("prefect")) as (api, _):
        yield api.url


def ask(url: str, path: str, headers: dict[str, str] | None = None, method: str = "GET", body=None) -> tuple[int, dict]:
    """Status and JSON of an answer; a body that is an iterator is sent in chunks, without its length."""
    connection = http.client.HTTPConnection(urlsplit(url).netloc, timeout=20)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def test_who_has_no_token_or_a_wrong_one_is_refused_and_the_others_are_served(server) -> None:
    url, home = server
    reader = token_of(home, "read")
    assert ask(url, STATUS)[0] == 401
    assert ask(url, STATUS, {"Authorization": "Bearer strata_" + "A" * 43})[0] == 401
    assert ask(url, "/v1/inference/distributed/plan", reader, "POST")[0] == 403
    assert ask(url, STATUS, reader)[0] == 200


@pytest.mark.parametrize("chunked", [False, True], ids=["content-length", "chunked"])
def test_what_is_too_large_is_refused_and_the_others_are_served(server, chunked: bool) -> None:
    url, home = server
    headers = token_of(home) | {"Content-Type": "application/json"}
    body = b'{"pipeline":"mesh"}'.ljust(LITTLE["body_bytes"] + 1)
    status, said = ask(url, "/v1/jobs", headers, "POST", iter([body[:1500], body[1500:]]) if chunked else body)
    assert (status, said["status"]) == (413, 413)
    assert ask(url, "/v1/jobs", headers, "POST", body.rstrip())[0] == 202


def test_a_length_that_is_only_said_is_refused_before_it_comes(server) -> None:
    url, home = server
    token = token_of(home)["Authorization"]
    address = urlsplit(url)
    with socket.create_connection((address.hostname, address.port), timeout=20) as link:
        head = f"POST /v1/jobs HTTP/1.1\r\nHost: x\r\nAuthorization: {token}\r\nContent-Length: 9999999999\r\n\r\n"
        link.sendall(head.encode())
        assert b" 413 " in link.recv(4096)


def test_a_flood_is_refused_while_another_token_is_served(server) -> None:
    url, home = server
    flooding, other = token_of(home, "read"), token_of(home, "read")
    answers = [ask(url, STATUS, flooding)[0] for _ in range(25)]
    assert answers.count(200) == 20
    assert answers.count(429) == 5
    strangers = [ask(url, "/healthz")[0] for _ in range(8)]
    assert strangers.count(429) == 3
    assert ask(url, STATUS, other)[0] == 200


def test_bytes_that_are_no_http_do_no_harm(server) -> None:
    url, home = server
    address = urlsplit(url)
    for noise in (
        b"\x16\x03\x01" + b"\xff" * 500,
        b"GET / HTTP/9.9\r\n\r\n",
        b"\r\n" * 1000,
        b"GET /" + b"a" * 100_000,
    ):
        with socket.create_connection((address.hostname, address.port), timeout=20) as link:
            link.sendall(noise)
            link.shutdown(socket.SHUT_WR)
            while link.recv(65536):
                pass
    assert ask(url, STATUS, token_of(home, "read"))[0] == 200


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGINT])
def test_the_real_one_begins_on_prefect_and_ends_when_told_to(bare_prefect: str, tmp_path: Path, how: int) -> None:
    home = tmp_path / "home"
    command = ("deployments.api", "--port", "0")
    with api_process(home, *command, PREFECT_API_URL=bare_prefect) as (url, process):
        headers = token_of(home) | {"Content-Type": "application/json"}
        assert ask(url, "/healthz")[0] == 200
        status, jobs = ask(url, "/v1/jobs", headers)
        assert (status, jobs) == (200, {"jobs": []})
        status, said = ask(url, "/v1/jobs", headers, "POST", json.dumps({"pipeline": "pretraining"}).encode())
        assert status == 503
        assert "deployments.bootstrap" in said["detail"]
        assert ask(url, STATUS, headers)[1]["problems"]
        process.send_signal(how)
        assert process.wait(20) == 0
    log = (home / "api.log").read_text()
    assert "Traceback" not in log
    assert headers["Authorization"].removeprefix("Bearer ") not in log


def test_without_a_prefect_server_it_says_what_to_set(tmp_path: Path) -> None:
    environment = {name: value for name, value in os.environ.items() if name != "PREFECT_API_URL"}
    environment |= {"STRATA_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "deployments.api", "--port", "0"]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2
    assert "PREFECT_API_URL" in done.stderr


def test_where_nobody_can_listen_it_says_so_in_one_line(prefect_api: str, tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        environment = os.environ | {"STRATA_HOME": str(tmp_path), "PREFECT_API_URL": prefect_api}
        command = [sys.executable, "-m", "deployments.api", "--port", str(taken.getsockname()[1])]
        done = subprocess.run(
            command, cwd=ROOT, env=environment, capture_output=True, text=True, timeout=90, check=False
        )
    assert done.returncode == 2
    assert "deployments.api: " in done.stderr
    assert "Traceback" not in done.stderr
