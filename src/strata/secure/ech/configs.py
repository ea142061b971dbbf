"""The ECHConfigList of TLS Encrypted Client Hello, byte-exact to RFC 9849, section 4.

    ECHConfigList     = ECHConfig<4..2^16-1>
    ECHConfig         = version u16, contents<0..2^16-1>
    contents (0xfe0d) = config_id u8, kem_id u16, public_key<1..2^16-1>,
                        cipher_suites<4..2^16-4> of (kdf_id u16, aead_id u16),
                        maximum_name_length u8, public_name<1..255>,
                        extensions<0..2^16-1> of (type u16, data<0..2^16-1>)

Integers are big-endian, and `<a..b>` is a length of as many bytes as b needs, then so many bytes. There is one way only
to write a value, so what parses encodes to the same bytes; configs of unknown versions are kept as they came for that.
"""

import re
import struct
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property

from strata.errors import StrataError

VERSION = 0xFE0D
MAX_LIST_BYTES = 2 + 0xFFFF
MANDATORY = 0x8000  # the bit of an extension's type that says: who does not know it must not use the config

_LABEL = re.compile(rb"[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?")
_NUMBER = re.compile(rb"[0-9]+|0[xX][0-9A-Fa-f]*")


class BadEchConfig(StrataError):
    """Bytes that are no ECHConfigList, or values that cannot be put into one: what is wrong, and where."""


@dataclass(frozen=True, slots=True)
class Extension:
    """An extension of a config: its type, and data of at most 65,535 bytes."""

    kind: int
    data: bytes

    @property
    def mandatory(self) -> bool:
        """Whether a config with it must not be used by who does not know it."""
        return bool(self.kind & MANDATORY)


@dataclass(frozen=True, slots=True)
class UnknownConfig:
    """A config of a version that is not 0xfe0d: skipped, and kept so that the list encodes to the same bytes."""

    version: int
    contents: bytes

    def encode(self) -> bytes:
        """The ECHConfig."""
        return struct.pack(">H", self.version) + _vector(self.contents, 2, "the contents")


@dataclass(frozen=True)
class EchConfig:
    """A config of version 0xfe0d. suites: (kdf_id, aead_id), HPKE's numbers. Encoding a value out of bounds raises."""

    config_id: int
    kem_id: int
    public_key: bytes
    suites: tuple[tuple[int, int], ...]
    public_name: bytes
    maximum_name_length: int = 0
    extensions: tuple[Extension, ...] = ()

    def encode(self) -> bytes:
        """The ECHConfig; raises BadEchConfig."""
        return self._encoded

    @cached_property
    def _encoded(self) -> bytes:
        suites = b"".join(_packed(">HH", *suite) for suite in self.suites)
        extensions = b"".join(_packed(">H", each.kind) + _vector(each.data, 2) for each in self.extensions)
        contents = (
            _packed(">BH", self.config_id, self.kem_id)
            + _vector(self.public_key, 2, "the public key", least=1)
            + _vector(suites, 2, "the list of cipher suites", least=4)
            + _packed(">B", self.maximum_name_length)
            + _vector(self.public_name, 1, "the public name", least=1)
            + _vector(extensions, 2, "the list of extensions")
        )
        return struct.pack(">H", VERSION) + _vector(contents, 2, "the contents")

    @property
    def unusable(self) -> str | None:
        """Why a client must ignore this config whatever it can compute; None if it may be used.

        No extension is known here, so each that is mandatory makes a config unusable.
        """
        if extension := next((each for each in self.extensions if each.mandatory), None):
            return f"it needs extension {extension.kind:#06x}, which is not known here"
        labels = self.public_name.split(b".")
        if not all(_LABEL.fullmatch(label) for label in labels) or _NUMBER.fullmatch(labels[-1]):
            return f"its public name {self.public_name!r} is not a host name"
        return None


Config = EchConfig | UnknownConfig


def parse_config_list(data: bytes) -> tuple[Config, ...]:
    """The configs of an ECHConfigList, the unknown included; raises BadEchConfig."""
    outer = _Reader(data, "the list")
    inner = _Reader(outer.vector(2, "the list", least=4), "the list")
    outer.end()
    configs: list[Config] = []
    while inner:
        where = f"config {len(configs)}"
        version = inner.number(2, where)
        contents = inner.vector(2, where)
        configs.append(_parse_contents(contents, where) if version == VERSION else UnknownConfig(version, contents))
    return tuple(configs)


def encode_config_list(configs: Iterable[Config]) -> bytes:
    """The ECHConfigList; raises BadEchConfig when there is no config or the list is too long."""
    return _vector(b"".join(config.encode() for config in configs), 2, "the list", least=4)


def _parse_contents(contents: bytes, where: str) -> EchConfig:
    reader = _Reader(contents, where)
    config_id, kem_id = reader.number(1, "its id"), reader.number(2, "its KEM")
    public_key = reader.vector(2, "its public key", least=1)
    suites = reader.vector(2, "its cipher suites", least=4)
    if len(suites) % 4:
        raise BadEchConfig(f"{where}: its cipher suites have {len(suites)} bytes, which is no multiple of 4")
    maximum_name_length = reader.number(1, "its maximum name length")
    public_name = reader.vector(1, "its public name", least=1)
    extensions = _Reader(reader.vector(2, "its extensions"), where)
    reader.end()
    found = []
    while extensions:
        kind = extensions.number(2, "an extension")
        found.append(Extension(kind, extensions.vector(2, f"extension {kind:#06x}")))
    return EchConfig(
        config_id, kem_id, public_key, tuple(struct.iter_unpack(">HH", suites)), public_name,
        maximum_name_length, tuple(found),
    )  # fmt: skip


class _Reader:
    """Takes fields off the front of bytes; true while there are more."""

    def __init__(self, data: bytes, where: str) -> None:
        self._data, self._where, self._at = data, where, 0

    def __bool__(self) -> bool:
        return self._at < len(self._data)

    def number(self, size: int, what: str) -> int:
        return int.from_bytes(self._take(size, what), "big")

    def vector(self, size: int, what: str, *, least: int = 0) -> bytes:
        length = self.number(size, f"the length of {what}")
        if length < least:
            raise BadEchConfig(f"{self._where}: {what} has {length} bytes; at least {least} are needed")
        return self._take(length, what)

    def end(self) -> None:
        if self:
            raise BadEchConfig(f"{self._where}: {len(self._data) - self._at} bytes too many at its end")

    def _take(self, size: int, what: str) -> bytes:
        start, self._at = self._at, self._at + size
        if self._at > len(self._data):
            raise BadEchConfig(f"{self._where}: it ends after {len(self._data)} bytes, within {what}")
        return self._data[start : self._at]


def _vector(data: bytes, size: int, what: str = "an extension", *, least: int = 0) -> bytes:
    if not least <= len(data) < 1 << 8 * size:
        raise BadEchConfig(f"{what} has {len(data)} bytes; from {least} to {(1 << 8 * size) - 1} are possible")
    return len(data).to_bytes(size, "big") + data


def _packed(form: str, *numbers: int) -> bytes:
    try:
        return struct.pack(form, *numbers)
    except struct.error:
        raise BadEchConfig(f"{numbers} do not fit their fields ({form})") from None
