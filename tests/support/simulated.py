"""A place that machines share, simulated: its files, its clock, and actors whose every request waits to be let through.

Whoever drives it decides whose request is next, how time passes, and who dies; one thread runs at a time, so that a run
repeats exactly.
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from strata.store.remote import Entry
from strata.store.remote.signs import Clock

_PATIENCE_SECONDS = 30.0


class Killed(BaseException):
    """What ends the thread of an actor that was killed: it does nothing more to the place."""


@dataclass
class World:
    """The files by key, each with when it was last written; and the time."""

    now: float = 1_000_000.0
    files: dict[str, tuple[bytes, float]] = field(default_factory=dict)


class SimulatedRemote:
    """A `Remote` over a world. gate: is passed before each request; it may raise."""

    def __init__(self, world: World, gate: Callable[[], None] = lambda: None) -> None:
        self.url = "simulated://world"
        self._world, self._gate = world, gate

    def stat(self, key: str) -> Entry | None:
        self._gate()
        found = self._world.files.get(key)
        return found and Entry(key, len(found[0]), found[1])

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes | None:
        self._gate()
        found = self._world.files.get(key)
        return None if found is None else found[0][start:end]

    def write(self, key: str, data: bytes | Path) -> None:
        self._gate()
        content = data.read_bytes() if isinstance(data, Path) else data
        self._world.files[key] = content, self._world.now

    def remove(self, key: str) -> None:
        self._gate()
        self._world.files.pop(key, None)

    def list(self, folder: str) -> list[Entry]:
        self._gate()
        found = sorted(key for key in self._world.files if key.startswith(f"{folder}/"))
        return [Entry(key, len(self._world.files[key][0]), self._world.files[key][1]) for key in found]

    def sweep(self, before: float, *, dry_run: bool) -> tuple[int, int]:
        self._gate()
        return 0, 0


class Actor:
    """A thread that uses the world, and waits before each request until it is let through by `step`.

    slow: for how long its request has been under way; its own clock runs as the world's does, from another beginning.
    """

    def __init__(self, name: str, world: World, task: Callable[["Actor"], None]) -> None:
        self.name, self.error = name, None
        self._world, self._task = world, task
        self._go, self._back = threading.Semaphore(0), threading.Semaphore(0)
        self._killed = self.done = self.pausing = False
        self.since = world.now
        self.remote = SimulatedRemote(world, self._wait)
        self.clock = Clock(lambda: world.now - 999.0, self._pause)
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()
        self._arrived()

    def step(self) -> None:
        """Let its request through; returns when the next one waits, or it has ended."""
        assert not self.done
        self._go.release()
        self._arrived()

    def kill(self) -> None:
        """Have it die: its request is not made, nor any other."""
        self._killed = True
        while not self.done:
            self.step()

    @property
    def slow(self) -> float:
        return 0.0 if self.pausing else self._world.now - self.since

    def _run(self) -> None:
        try:
            self._wait()
            self._task(self)
        except Killed:
            pass
        except BaseException as error:
            self.error = error
        self.done = True
        self._back.release()

    def _pause(self, seconds: float) -> None:
        self.pausing = True
        self._wait()
        self.pausing = False

    def _wait(self) -> None:
        self.since = self._world.now
        self._back.release()
        assert self._go.acquire(timeout=_PATIENCE_SECONDS)
        if self._killed:
            raise Killed

    def _arrived(self) -> None:
        assert self._back.acquire(timeout=_PATIENCE_SECONDS), f"{self.name} is stuck"
        if self.done:
            self._thread.join()
            if self.error is not None:
                raise self.error
