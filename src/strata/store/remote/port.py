"""What a store that machines share needs of the place where it lies: six operations, and what each promises."""

from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from strata.store.errors import StoreError

PIECE = 8 << 20  # bytes read at a time: a request's latency is small beside their transfer
MARK = "strata-store.json"  # at the root: what distinguishes an empty store from a wrong URL


class RemoteError(StoreError):
    """The shared store does not do what it was asked: its URL, what was tried and what it said."""


@dataclass(frozen=True)
class Entry:
    """A file that is there: its key below the store's root, its bytes, and the second at which it was last written.

    The second is by the clock of whoever keeps the file, since 1970; all keys of a store share that clock.
    """

    key: str
    size: int
    changed: float


class Remote(Protocol):
    """Files by key (`folder/name`). What one machine has written, removed or renewed all see in their next request.

    Every method raises RemoteError where the place cannot be used. Safe to use from many threads.
    """

    url: str
    """Where it is, for messages: it has no credentials in it."""

    def stat(self, key: str) -> Entry | None:
        """The file of that key; None where there is none."""

    def read(self, key: str, start: int = 0, end: int | None = None) -> bytes | None:
        """Bytes from `start` to before `end`, fewer where the file ends sooner; None where there is no file."""

    def write(self, key: str, data: bytes | Path) -> None:
        """Make the file, or replace it, with these bytes or those of a local file: all of them at once, or nothing."""

    def remove(self, key: str) -> None:
        """Remove the file if it is there."""

    def list(self, folder: str) -> list[Entry]:
        """Every file whose key begins with `folder/`, by key. One written meanwhile may be missing."""

    def sweep(self, before: float, *, dry_run: bool) -> tuple[int, int]:
        """Remove what writers left half written and last touched before that second; returns how many, and bytes."""


def gone(url: str) -> RemoteError:
    """What is raised where nothing is found because the store itself is not there any more."""
    return RemoteError(f"there is no store at {url} any more; see that it is mounted, and that nobody removed it")
