"""A Ray cluster (https://docs.ray.io): where to find one, and a connection to it for as long as a block lasts.

Whoever reaches a cluster's ports runs code there, unless it asks for a token (RAY_AUTH_MODE=token, on all its machines
and here). A cluster that is started here listens on loopback only, and asks for a token that only its processes know.
Needs the extra `ray`.
"""

import os
import re
import secrets
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from strata.errors import StrataError

LOCAL, AUTO = "local", "auto"
# Models lie in stores; what passes through Ray's own is small. Ray takes no less than 75 MiB.
OBJECT_STORE_BYTES = 80 << 20

_PLACE = re.compile(r"(?:ray://)?(?:[A-Za-z0-9.-]{1,253}|\[[0-9A-Fa-f:.]{2,45}\]):[0-9]{1,5}")
# No report of its use to its makers; and no cluster started in passing by a call that finds none.
_ENVIRONMENT = {"RAY_USAGE_STATS_ENABLED": "0", "RAY_ENABLE_AUTO_CONNECT": "0"}
# Loopback is what Ray takes where it knows of one machine only.
_ALONE = {"RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0", "RAY_AUTH_MODE": "token"}
_TOKEN = secrets.token_hex(32)  # one for all clusters of this process, in which Ray reads it once


class ClusterError(StrataError):
    """Ray is not installed, or there is no cluster at that address."""


def check_address(address: str) -> str:
    """`local` (a cluster of this machine, for as long as it is used), `auto` (the one that runs on this machine),
    `HOST:PORT` or, from outside a cluster, `ray://HOST:PORT`. Raises ClusterError for anything else."""
    if address in (LOCAL, AUTO) or _PLACE.fullmatch(address):
        return address
    raise ClusterError(f"a Ray address is local, auto, HOST:PORT or ray://HOST:PORT, not {address[:80]!r}")


def load_ray() -> Any:
    """The module `ray`. Raises ClusterError where it is not installed."""
    for name, value in _ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    try:
        import ray
    except ModuleNotFoundError as error:
        raise ClusterError(f"Ray is not installed ({error.name}): pip install 'strata[ray]'") from error
    return ray


@contextmanager
def connected(address: str) -> Iterator[Any]:
    """The module `ray`, connected; what this process started there ends with the block. Raises ClusterError.

    Processes of a cluster that is started here find modules where this process does.
    """
    check_address(address)
    options: dict[str, Any] = {"log_to_driver": False, "logging_level": "ERROR", "namespace": "strata"}
    alone: dict[str, str] = {}
    if address == LOCAL:
        options |= {"include_dashboard": False, "object_store_memory": OBJECT_STORE_BYTES}
        alone = _ALONE | {"RAY_AUTH_TOKEN": _TOKEN}
    modules = os.pathsep.join(os.path.abspath(path) for path in sys.path if path)
    with _environment(alone):
        ray = load_ray()
        if ray.is_initialized():
            raise ClusterError("this process is connected to a Ray cluster already")
        try:
            try:
                with _environment({"PYTHONPATH": modules}), _own_signals():
                    ray.init(address=address, **options)
            except (ConnectionError, RuntimeError, ValueError) as error:
                raise ClusterError(_advice(address, error)) from error
            # Ray prints of workers that die on standard output, which is for answers here; its debugger does the same.
            ray._private.worker._worker_logs_enabled = False
            yield ray
        finally:
            ray.shutdown()


def _advice(address: str, error: Exception) -> str:
    said = " ".join(str(error).split())[:500].rstrip(".")
    return f"no Ray cluster at {address}: {said}. If it asks for a token, set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN"


@contextmanager
def _own_signals() -> Iterator[None]:
    """Ray ends its driver at SIGTERM in a way of its own; who uses it here has one already."""
    before = signal.getsignal(signal.SIGTERM)
    try:
        yield
    finally:
        if threading.current_thread() is threading.main_thread():
            signal.signal(signal.SIGTERM, before)


@contextmanager
def _environment(changes: dict[str, str]) -> Iterator[None]:
    """With these variables, for the length of the block."""
    before = {name: os.environ.get(name) for name in changes}
    os.environ.update(changes)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
