"""Serving a home alone, at ports of one's own."""

import os
import socket
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from strata.errors import StrataError
from strata.files import make_folder, try_lock


class CannotServe(StrataError):
    """Something is in the way: another one that serves this home, a port that is taken."""


@contextmanager
def alone(home: Path, url: str, ports: Mapping[str, int | None]) -> Iterator[None]:
    """Be the only one that serves this home. url: where, for others; ports: by the option that chooses each.

    Raises CannotServe.
    """
    make_folder(home)
    path = home / "serve.lock"
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        if not try_lock(descriptor):
            raise CannotServe(f"{home} is served already: {path.read_text().strip() or 'by a process that starts'}")
        for option, port in ports.items():
            if port is not None and not _is_free(port):
                raise CannotServe(f"port {port} is taken: end what listens there, or choose another one with {option}")
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"by process {os.getpid()}, at {url}\n".encode(), 0)
        yield
    finally:
        os.close(descriptor)


def free_port() -> int:
    """One that nobody listens at now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True
