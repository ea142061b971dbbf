"""Memory of first handshake messages.

In Noise XK a recorded first message, sent again, is answered only by the peer it was meant for: whoever replays it to
many peers learns which one that was. So each is answered once. A message carries the time it was made; one from
outside the window is refused, and one from inside it is remembered until it would be.
"""

import hashlib
import time
from collections import OrderedDict
from collections.abc import Callable

from strata.secure.errors import HandshakeFailed, ReplayedHandshake
from strata.secure.replay_file import TOKEN_BYTES, ReplayFile

WINDOW_SECONDS = 600.0  # how far two members' clocks may differ


class ReplayCache:
    """Bounded set of what was seen within the window; with a file, by earlier processes too (see `replay_file`).

    Only a peer that knows this one's keys can fill it, since a message is remembered after it has been authenticated;
    when it is full the oldest entry goes.
    """

    def __init__(
        self,
        capacity: int = 1 << 16,
        window: float = WINDOW_SECONDS,
        clock: Callable[[], float] = time.time,
        file: ReplayFile | None = None,
    ) -> None:
        self._capacity = capacity
        self._window = window
        self._clock = clock
        self._file = file
        self._seen: OrderedDict[bytes, float] = OrderedDict(() if file is None else file.load())
        self._forget()
        if file is not None:
            file.rewrite(self._seen.items())

    def __len__(self) -> int:
        return len(self._seen)

    def now(self) -> float:
        """Seconds since 1970 by this cache's clock."""
        return self._clock()

    def check(self, token: bytes, made: float) -> None:
        """Remember `token`, made at `made` (seconds since 1970); raises ReplayedHandshake if it is old or known.

        Raises HandshakeFailed when it cannot be written down: what is not remembered must not be answered.
        """
        now = self._clock()
        self._forget()
        if abs(now - made) > self._window:
            raise ReplayedHandshake(
                f"a handshake made {now - made:+.0f} s ago; clocks may differ by {self._window:.0f} s"
            )
        entry = hashlib.blake2b(token, digest_size=TOKEN_BYTES).digest()
        if entry in self._seen:
            raise ReplayedHandshake("a first handshake message came twice")
        # Kept for twice the window: a clock may be ahead by one window when it arrives, and it is good for one more.
        self._seen[entry] = now + 2 * self._window
        if self._file is not None:
            self._write(self._file, entry)
        if len(self._seen) > self._capacity:
            self._seen.popitem(last=False)

    def _forget(self) -> None:
        now = self._clock()
        while self._seen and next(iter(self._seen.values())) < now:
            self._seen.popitem(last=False)
        while len(self._seen) > self._capacity:
            self._seen.popitem(last=False)

    def _write(self, file: ReplayFile, entry: bytes) -> None:
        try:
            file.append(entry, self._seen[entry])
            if file.entries > 2 * self._capacity:
                file.rewrite(self._seen.items())
        except OSError as error:
            raise HandshakeFailed(f"cannot write down a handshake, so it is not answered: {error.strerror}") from None
