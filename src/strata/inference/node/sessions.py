"""Which sessions a node keeps and which must go: bytes of KV cache promised, and the order of eviction.

No clock of its own, and no tensors.
"""

from collections.abc import Hashable, Iterator
from dataclasses import dataclass
from typing import Generic, TypeVar

from strata.memory import OutOfBudget

S = TypeVar("S")

DEAD_SECONDS = 60.0


@dataclass
class Entry(Generic[S]):
    """A session: who opened it, the bytes promised to it, and when it last did something (seconds)."""

    owner: Hashable
    nbytes: int
    used: float
    session: S


class SessionTable(Generic[S]):
    """Open sessions within a budget of bytes. One idle for `dead_seconds` is dead: it makes room."""

    def __init__(self, dead_seconds: float = DEAD_SECONDS) -> None:
        self._dead_seconds = dead_seconds
        self._entries: dict[str, Entry[S]] = {}

    def __len__(self) -> int:
        return len(self._entries)

    def __iter__(self) -> Iterator[str]:
        return iter(tuple(self._entries))

    @property
    def nbytes(self) -> int:
        """Bytes promised to the open sessions."""
        return sum(entry.nbytes for entry in self._entries.values())

    def get(self, name: str) -> S | None:
        """The session of that name."""
        entry = self._entries.get(name)
        return entry.session if entry else None

    def idle(self, seconds: float, now: float) -> list[str]:
        """Names of the sessions that have done nothing for so long, the longest idle first."""
        found = [name for name, entry in self._entries.items() if now - entry.used >= seconds]
        return sorted(found, key=lambda name: self._entries[name].used)

    def make_room(self, nbytes: int, budget: int, now: float) -> list[str]:
        """Names of the dead sessions to close so that `nbytes` more fit; raises OutOfBudget if that is not enough."""
        free = budget - self.nbytes
        victims: list[str] = []
        for name in self.idle(self._dead_seconds, now):
            if free >= nbytes:
                break
            victims.append(name)
            free += self._entries[name].nbytes
        if free < nbytes:
            raise OutOfBudget("cache", "a session", nbytes, nbytes - free)
        return victims

    def add(self, name: str, owner: Hashable, nbytes: int, session: S, now: float) -> None:
        """Enter a session for which there is room."""
        assert name not in self._entries
        self._entries[name] = Entry(owner, nbytes, now, session)

    def touch(self, name: str, now: float) -> None:
        """Note that the session did something."""
        if name in self._entries:
            self._entries[name].used = now

    def remove(self, name: str) -> S | None:
        """Forget a session; returns it if it was there."""
        entry = self._entries.pop(name, None)
        return entry.session if entry else None

    def owned_by(self, owner: Hashable) -> list[str]:
        """Names of the sessions that `owner` opened."""
        return [name for name, entry in self._entries.items() if entry.owner == owner]
