"""How machines that share a store keep out of each other's way without a lock: signs, which all can read.

A namer writes a sign of what it is about to name, and then looks for collectors; a collector writes a sign of what it
is about to remove, and then looks for namers and names. Each writes before it looks, so that of two at once one at
least sees the other (Dekker's principle; it needs that all see a write at once, as S3 and file systems promise).
Collectors give way to namers; namers wait for collectors to end, and look then at what is left.

A sign counts for LEASE_SECONDS by the place's own clock. Who is not done in half of that by its own stops: so a sign
that counts no more is of somebody who does nothing more, unless a single request is under way for the other half.
"""

import json
import secrets
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

from strata.store.errors import InvalidName
from strata.store.names import check_digest
from strata.store.remote.port import PIECE, Entry, Remote, RemoteError

LEASE_SECONDS = 300.0
_FOLDER = "signs"
_NAMING, _SWEEP, _NOW, _DOUBT = "naming-", "sweep-", "now-", "doubt-"
_FIRST_PAUSE, _LONGEST_PAUSE = 0.05, 1.0


@dataclass(frozen=True)
class Clock:
    """This machine's own time, of which only differences count, and waiting."""

    monotonic: Callable[[], float] = time.monotonic
    pause: Callable[[float], None] = time.sleep


@dataclass(frozen=True)
class Lease:
    """A sign of ours. written: the second at which it was, by the place's clock."""

    written: float
    _ends: float
    _clock: Clock = field(repr=False)

    def check(self) -> None:
        """Raise RemoteError where it is too late to go on under this sign."""
        if self._clock.monotonic() > self._ends:
            raise RemoteError("the shared store is too slow: what takes seconds has taken minutes; try again")


class Signs:
    """The signs of one shared store."""

    def __init__(self, remote: Remote, clock: Clock) -> None:
        self._remote, self._clock = remote, clock

    @contextmanager
    def naming(self, digests: Collection[str]) -> Iterator[Lease]:
        """For the length of the block, tell collectors to spare these blobs."""
        with self._signed(_NAMING, digests) as lease:
            yield lease

    @contextmanager
    def sweeping(self, digests: Collection[str]) -> Iterator[Lease]:
        """For the length of the block, tell writers and namers that these blobs may be removed."""
        with self._signed(_SWEEP, digests) as lease:
            yield lease

    def now(self) -> float:
        """The second by the place's clock."""
        with self._signed(_NOW, ()) as lease:
            return lease.written

    def spared(self, lease: Lease) -> frozenset[str]:
        """What somebody is about to name, seen by the collector with this sign."""
        namings = [sign for sign in self._find(_NAMING) if lease.written - sign.changed <= LEASE_SECONDS]
        return frozenset(digest for sign in namings for digest in self._digests(sign))

    def clear(self, digests: Collection[str]) -> frozenset[str]:
        """Wait until no collector is removing any of these; returns those whose bytes somebody found corrupt."""
        wanted, pause = frozenset(digests), _FIRST_PAUSE
        while True:
            signs = self._find("")
            if not any(self._is_removing(sign, wanted) for sign in signs if _is(sign, _SWEEP)):
                return wanted & {_subject(sign) for sign in signs if _is(sign, _DOUBT)}
            self._clock.pause(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def doubt(self, digest: str) -> None:
        """Have the next who puts this blob write its bytes, although there are some."""
        self._remote.write(f"{_FOLDER}/{_DOUBT}{digest}", b"corrupt")

    def trust(self, digest: str) -> None:
        """Take a doubt back."""
        self._remote.remove(f"{_FOLDER}/{_DOUBT}{digest}")

    def dead(self, now: float, blobs: Collection[str]) -> tuple[Entry, ...]:
        """Signs of those who have ended without taking them in, and doubts about blobs that are not there."""
        found = self._find("")
        ended = [sign for sign in found if not _is(sign, _DOUBT) and now - sign.changed > LEASE_SECONDS]
        idle = [sign for sign in found if _is(sign, _DOUBT) and _subject(sign) not in blobs]
        return (*ended, *idle)

    @contextmanager
    def _signed(self, kind: str, digests: Collection[str]) -> Iterator[Lease]:
        key = f"{_FOLDER}/{kind}{secrets.token_hex(16)}"
        ends = self._clock.monotonic() + LEASE_SECONDS / 2
        body = json.dumps(sorted(digests)).encode()
        if len(body) > PIECE:
            raise RemoteError(f"{len(digests)} blobs are too many for one ref")
        self._remote.write(key, body)
        try:
            sign = self._remote.stat(key)
            if sign is None:
                raise RemoteError(f"{key} was written to {self._remote.url} and is not there: no store can be there")
            yield Lease(sign.changed, ends, self._clock)
        finally:
            with suppress(RemoteError):  # it ends by itself, and what was done under it is done
                self._remote.remove(key)

    def _find(self, kind: str) -> list[Entry]:
        return [sign for sign in self._remote.list(_FOLDER) if _is(sign, kind)]

    def _is_removing(self, sign: Entry, wanted: frozenset[str]) -> bool:
        return not wanted.isdisjoint(self._digests(sign)) and self.now() - sign.changed <= LEASE_SECONDS

    def _digests(self, sign: Entry) -> tuple[str, ...]:
        body = self._remote.read(sign.key, 0, PIECE)
        if body is None:
            return ()  # it was taken in since
        try:
            return tuple(map(check_digest, json.loads(body)))
        except (ValueError, TypeError, InvalidName) as error:
            raise RemoteError(f"{self._remote.url}/{sign.key} is no sign of a store; remove it") from error


def _is(sign: Entry, kind: str) -> bool:
    return sign.key.startswith(f"{_FOLDER}/{kind}")


def _subject(doubt: Entry) -> str:
    return doubt.key.rpartition(_DOUBT)[2]
