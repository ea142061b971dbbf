"""The memory of first handshake messages on disk, so that a restart does not empty it.

Without it, whoever recorded a handshake could send it again to a peer that was started anew in the meantime. The ways
to prevent that, and why this one:

- to refuse whatever was made before the process began, plus the allowed skew of ten minutes: after each restart
  nobody could connect for ten minutes, and a pipeline that mends itself restarts nodes;
- to refuse only what was made before it began: lets through what a member with a fast clock said;
- to ask who dials for something fresh: one more round trip, which shows an observer of a front's clients whose target
  was just restarted;
- to write each message down before it is answered: exact, nobody is refused wrongly, and it costs one `write` of 32
  bytes a dial. This is done here.

The file is not synced to the disk at each dial. A killed process loses nothing; a machine that loses its power may lose
the last half minute, so that a handshake from then could be answered once more. That tells an attacker that the peer
which answers now is the one that answered then; it opens no connection, since the keys to go on are the dialler's.
"""

import os
import struct
from collections.abc import Iterable
from pathlib import Path

from strata import files
from strata.secure.errors import IdentityError

TOKEN_BYTES = 24
_MAGIC = b"strata-replays-1\n".ljust(32, b"\0")
_ENTRY = struct.Struct(f">{TOKEN_BYTES}sd")
_MAX_BYTES = 64 << 20


class ReplayFile:
    """An append-only file of (token, until when it counts); one process at a time has it. Raises IdentityError."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._descriptor: int | None = None
        self.entries = 0

    def load(self) -> list[tuple[bytes, float]]:
        """The entries, in the order of writing; a last one that was cut off is one that was never answered."""
        try:
            with self._path.open("rb") as file:
                data = file.read(_MAX_BYTES + 1)
        except FileNotFoundError:
            return []
        if len(data) > _MAX_BYTES or not data.startswith(_MAGIC):
            raise IdentityError(f"{self._path} is no memory of handshakes: move it away, and wait twenty minutes")
        body = memoryview(data)[len(_MAGIC) :]
        return list(_ENTRY.iter_unpack(body[: len(body) // _ENTRY.size * _ENTRY.size]))

    def rewrite(self, entries: Iterable[tuple[bytes, float]]) -> None:
        """Replace the file by one with these entries."""
        packed = [_ENTRY.pack(*entry) for entry in entries]
        files.write(self._path, _MAGIC + b"".join(packed), mode=0o600)
        self.close()
        self._descriptor = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CLOEXEC)
        self.entries = len(packed)

    def append(self, token: bytes, until: float) -> None:
        """Add an entry; a process killed afterwards has written it. Raises OSError."""
        assert self._descriptor is not None
        os.write(self._descriptor, _ENTRY.pack(token, until))
        self.entries += 1

    def close(self) -> None:
        """Let go of the file; closing twice is fine."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None

    def __del__(self) -> None:
        self.close()
