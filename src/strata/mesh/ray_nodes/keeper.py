"""What runs on a machine of the cluster: a node's process is started there, kept running, and ended."""

import os
import socket
import subprocess
import threading
import time
from collections.abc import Collection, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from strata import files
from strata.errors import StrataError
from strata.mesh.ray_nodes.restarts import Restarts
from strata.mesh.started import (
    START_SECONDS,
    NodeDidNotStart,
    address_of,
    end,
    end_of,
    last_words,
    start,
    strata_command,
)
from strata.secure import Identity

CLAIM_SECONDS = 10.0  # within which one who had this home before has ended
_GIVEN = "given"  # the membership that the node begins with


@dataclass(frozen=True)
class Event:
    """What befell a node: it died, did not start again, or is back. seconds: until it is started again; or, where it is
    back, since it died."""

    number: int
    kind: Literal["died", "failed", "back"]
    detail: str
    seconds: float


class Keeper:
    """Keeps one node running on this machine, in `home/name`. The node's key is made here and never leaves.

    arguments: of `strata node`, beside home, membership and address. The node watches its standard input, whose other
    end this process holds: it ends with it. Methods may be called from several threads.
    """

    def __init__(self, name: str, home: str, arguments: Sequence[str]) -> None:
        self._name, self._arguments = name, tuple(arguments)
        self._home = Path(home).expanduser() / name
        self._process: subprocess.Popen[bytes] | None = None
        self._address = ""
        self._restarts = Restarts()
        self._events: list[Event] = []
        self._changed = threading.Condition()
        self.stopping = threading.Event()
        self._watch: threading.Thread | None = None
        self._claim = ExitStack()

    def card(self, revoked: Collection[str]) -> str:
        """The node's public key, as `strata mesh card` prints it; a new one where there is none, or a revoked one.

        Raises StrataError where another process keeps a node in this home.
        """
        files.make_folder(self._home)
        self._take_home()
        path = self._home / "identity.json"
        if path.exists() and Identity.load(path).peer_id in revoked:
            path.unlink()
        if not path.exists():
            Identity.generate().save(path)
        return Identity.load(path).card.to_text()

    def start(self, sealed: bytes, host: str) -> str:
        """Start the node, a member of this membership; returns where it listens. Raises NodeDidNotStart."""
        self.take(sealed)
        self._address = self._begin(f"[{host}]:0" if ":" in host else f"{host}:0")
        self._restarts.ready(time.monotonic())
        self._watch = threading.Thread(target=self._keep, name=f"keep {self._name}", daemon=True)
        self._watch.start()
        return self._address

    def take(self, sealed: bytes) -> None:
        """Have the node begin with this membership when it is started the next time."""
        files.write(self._home / _GIVEN, sealed)

    def told(self, after: int, seconds: float) -> list[Event]:
        """The events later than number `after`, as soon as there are any; none after so many seconds."""
        with self._changed:
            self._changed.wait_for(lambda: len(self._events) > after or self.stopping.is_set(), seconds)
            return self._events[after:]

    def stop(self) -> None:
        """End the node."""
        with self._changed:
            self.stopping.set()
            self._changed.notify_all()
            process = self._process
        if process is not None:
            process.terminate()
        if self._watch is not None:
            self._watch.join()
        if process is not None:
            end({self._name: process})
        self._claim.close()

    def _begin(self, listen: str) -> str:
        log = self._home / "log"
        command = ["node", "--home", str(self._home), "--mesh", str(self._home / _GIVEN), "--listen", listen]
        with self._changed:
            if self.stopping.is_set():
                raise NodeDidNotStart(f"{self._name} was told to end")
            process = start(strata_command([*command, "--supervised", *self._arguments]), log, os.environ)
            self._process = process
        try:
            return address_of(self._name, process, log, time.monotonic() + START_SECONDS)
        except BaseException:
            process.kill()
            end({self._name: process})
            raise

    def _keep(self) -> None:
        while True:
            assert self._process is not None
            code = self._process.wait()
            died = time.monotonic()
            if self.stopping.is_set():
                return
            end({self._name: self._process})
            words = last_words(self._home / "log") if code >= 0 else ""
            wait = self._restarts.died(died)
            self._tell("died", f"its process ended {end_of(code)}{words and ': '}{words}", wait)
            while True:
                if self.stopping.wait(wait):
                    return
                try:
                    self._begin(self._address)
                except (NodeDidNotStart, OSError) as error:
                    if self.stopping.is_set():
                        return
                    wait = self._restarts.died(time.monotonic())
                    self._tell("failed", str(error), wait)
                else:
                    break
            self._restarts.ready(time.monotonic())
            self._tell("back", "", time.monotonic() - died)

    def _tell(self, kind: Literal["died", "failed", "back"], detail: str, seconds: float) -> None:
        with self._changed:
            self._events.append(Event(len(self._events) + 1, kind, detail, seconds))
            self._changed.notify_all()

    def _take_home(self) -> None:
        descriptor = os.open(self._home / "lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        self._claim.callback(os.close, descriptor)
        deadline = time.monotonic() + CLAIM_SECONDS
        while not files.try_lock(descriptor):
            if time.monotonic() > deadline:
                where = f"{self._home} on {socket.gethostname()}"
                raise StrataError(f"another node has its home in {where}: choose another --name")
            time.sleep(0.1)  # there is no lock with a timeout
