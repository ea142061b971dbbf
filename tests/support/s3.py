"""A real S3 server (moto's) on a loopback port: in this process, where its clock can be turned, or in another one."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from importlib.util import find_spec
from pathlib import Path

from tests.support.prefect_server import until

SECRET = "this-secret-is-not-to-be-seen-anywhere"


def can_serve() -> bool:
    """Whether the server and the client are installed."""
    return find_spec("moto") is not None and find_spec("s3fs") is not None


def environment(endpoint: str) -> dict[str, str]:
    """What the S3 client of any process reads to find the server, and to be let in."""
    return {
        "AWS_ENDPOINT_URL": endpoint,
        "AWS_ACCESS_KEY_ID": "strata-tests",
        "AWS_SECRET_ACCESS_KEY": SECRET,
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_EC2_METADATA_DISABLED": "true",
    }


def make_bucket(endpoint: str, name: str) -> None:
    """Make a bucket, as its owner does who sets up a cluster."""
    request = urllib.request.Request(f"{endpoint}/{name}", method="PUT")
    urllib.request.urlopen(request, timeout=10).close()


@contextmanager
def served_here() -> Iterator[str]:
    """The server as a thread of this process; its URL."""
    from moto.server import ThreadedMotoServer

    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    try:
        yield f"http://{host}:{port}"
    finally:
        server.stop()


@contextmanager
def served(folder: Path) -> Iterator[str]:
    """The server as a process; its URL. The folder is for its log."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    endpoint, log = f"http://127.0.0.1:{port}", folder / "s3.log"
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, env=_quiet()) as process:
        try:
            until(lambda: _answers(endpoint), 60, f"the S3 server answers, see {log}")
            yield endpoint
        finally:
            process.terminate()
            process.wait(20)


def _quiet() -> Mapping[str, str]:
    return os.environ | {"MOTO_CALL_RESET_API": "false"}


def _answers(endpoint: str) -> bool:
    with suppress(OSError), urllib.request.urlopen(f"{endpoint}/moto-api/data.json", timeout=5) as answer:
        return isinstance(json.load(answer), dict)
    return False
