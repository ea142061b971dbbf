"""The keys with which a listener opens hellos, and how they change.

A key is offered for `LIFETIME_SECONDS` and then honoured for as long again, so that who learned its config late is not
refused; after that it is forgotten, and a hello recorded while it lived can never be opened again, not even with a copy
of the machine. Whoever still uses its config gets the new ones from an authenticated answer (see `handshake`).
"""

import os
import secrets
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

from strata.secure.ech import hpke
from strata.secure.ech.configs import EchConfig, encode_config_list

LIFETIME_SECONDS = 24 * 3600.0
MAX_KEYS = 8  # where somebody rotates by hand, again and again

# A config must name a host that answers where no hello can be opened. Here that is whoever listens, who is known
# already: the name is the same for all, and can be nobody's (RFC 2606).
PUBLIC_NAME = b"strata.invalid"


@dataclass(frozen=True)
class EchKey:
    """A config with the secret for it; made: seconds since 1970. Its `repr` does not show the secret."""

    config: EchConfig
    secret: bytes
    made: float

    def __repr__(self) -> str:
        return f"EchKey({self.config.config_id}, made={self.made:.0f})"

    @classmethod
    def generate(cls, made: float, kem_id: int = hpke.MLKEM768_X25519, config_id: int | None = None) -> "EchKey":
        """A new random key, with a random id if none is given: ids in order would tell how old a mesh is."""
        secret = os.urandom(hpke.KEMS[kem_id].secret_bytes)
        number = secrets.randbelow(256) if config_id is None else config_id
        public = hpke.KEMS[kem_id].public_of(secret)
        return cls(EchConfig(number, kem_id, public, (hpke.SUITE,), PUBLIC_NAME), secret, made)

    @cached_property
    def private(self) -> hpke.PrivateKey:
        """What HPKE opens with."""
        return hpke.KEMS[self.config.kem_id].private(self.secret)


class EchKeys:
    """A listener's keys, the newest first; changes them when their time has come. `save` is told of each change."""

    def __init__(
        self,
        keys: Sequence[EchKey] = (),
        *,
        kem_id: int = hpke.MLKEM768_X25519,
        clock: Callable[[], float] = time.time,
        save: Callable[[Sequence[EchKey]], None] = lambda _: None,
    ) -> None:
        self._keys = sorted(keys, key=lambda key: -key.made)
        self._kem_id = kem_id
        self._clock = clock
        self._save = save

    @property
    def current(self) -> Sequence[EchKey]:
        """The keys that are honoured now: at least one, and the first is the one to offer."""
        now = self._clock()
        if not self._keys or abs(now - self._keys[0].made) >= LIFETIME_SECONDS:
            return self.rotate()
        if len(honoured := self._honoured(now)) < len(self._keys):
            self._keys = honoured
            self._save(honoured)
        return honoured

    @property
    def expires(self) -> float:
        """When the config that is offered now is replaced by the next one, in seconds since 1970."""
        return self.current[0].made + LIFETIME_SECONDS

    def rotate(self) -> Sequence[EchKey]:
        """Offer a new key from now on; the ones before are honoured until their time is over."""
        now, taken = self._clock(), {key.config.config_id for key in self._keys}
        free = [number for number in range(256) if number not in taken]
        added = EchKey.generate(now, self._kem_id, secrets.choice(free))
        self._keys = [added, *self._honoured(now)][:MAX_KEYS]
        self._save(self._keys)
        return self._keys

    def config_list(self) -> bytes:
        """The ECHConfigList to offer: the newest key's config."""
        return encode_config_list([self.current[0].config])

    def opening(self, config_id: int, kem_id: int) -> EchKey | None:
        """The key that a hello names; the newest where it names none, so that GREASE costs what a true hello costs."""
        fitting = [key for key in self.current if key.config.kem_id == kem_id]
        named = [key for key in fitting if key.config.config_id == config_id]
        return next(iter(named or fitting), None)

    def _honoured(self, now: float) -> list[EchKey]:
        # A clock that was set back would keep a key for ever: one from the future ages too.
        return [key for key in self._keys if abs(now - key.made) < 2 * LIFETIME_SECONDS]
