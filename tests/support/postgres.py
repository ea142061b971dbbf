"""A real PostgreSQL for the tests that need one: started on a socket in a folder of its own, stopped by its process."""

import os
import pwd
import shutil
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import count
from pathlib import Path

import sqlalchemy

_BINARIES = [*sorted(Path("/usr/lib/postgresql").glob("*/bin"), reverse=True), *map(Path, os.get_exec_path())]
_FOLDER = next((folder for folder in _BINARIES if (folder / "initdb").exists()), None)


def can_serve() -> bool:
    """Whether the server's programs are on this machine; run as root it needs the account `postgres` too."""
    if os.geteuid() != 0:
        return _FOLDER is not None
    return _FOLDER is not None and any(entry.pw_name == "postgres" for entry in pwd.getpwall())


class Server:
    """A running server. `new_database` gives the URL of a database that nobody else has."""

    def __init__(self, sockets: Path) -> None:
        self._sockets = sockets
        self._names = (f"test{number}" for number in count())

    def url(self, database: str) -> str:
        """SQLAlchemy's URL of a database."""
        return f"postgresql+psycopg://postgres@/{database}?host={self._sockets}"

    def new_database(self) -> str:
        """Create one; returns its URL."""
        name = next(self._names)
        engine = sqlalchemy.create_engine(self.url("postgres"), isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(sqlalchemy.text(f"CREATE DATABASE {name}"))
        engine.dispose()
        return self.url(name)


@contextmanager
def serve() -> Iterator[Server]:
    """Run a server for the length of the block. It listens on a Unix socket only."""
    assert _FOLDER is not None
    user = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="pg", dir="/tmp") as folder:  # a socket's path has at most 107 bytes
        home = Path(folder)
        if user is not None:
            shutil.chown(home, user, user)
        data, log = home / "data", home / "log"
        options = {"user": user, "group": user, "extra_groups": []} if user else {}
        initdb = [_FOLDER / "initdb", "--pgdata", data, "--auth=trust", "--username=postgres", "--no-sync"]
        subprocess.run(initdb, check=True, capture_output=True, **options)
        command = [_FOLDER / "postgres", "-D", data, "-k", home, "-c", "listen_addresses=", "-c", "fsync=off"]
        with log.open("wb") as output, subprocess.Popen(command, stdout=output, stderr=output, **options) as process:
            try:
                ready = [_FOLDER / "pg_isready", "--host", home, "--timeout=1"]
                while subprocess.run(ready, capture_output=True, check=False).returncode != 0:
                    assert process.poll() is None, log.read_text()
                yield Server(home)
            finally:
                process.send_signal(signal.SIGINT)  # PostgreSQL's "fast" end: clients are cut off
                process.wait(30)
