"""What members tell each other: small messages, packed with `struct`, parsed strictly.

All numbers are big-endian. A message is kind u8, membership version u64, probe number u32, then

- PING_REQUEST: the target, a text of at most 64 bytes;
- SEALED: the sealed membership, to the end;
- all others: count u16 and so many updates, each state u8 (with 128 added for a mobile device), incarnation u64 and
  the texts peer, accuser and address.

A text is its length, u8, and that many printable ASCII characters. What is not exactly so is refused. Messages travel
inside the encrypted links: who sent one is known from the link and not said in it.
"""

import struct
from dataclasses import dataclass
from enum import IntEnum

from strata.errors import StrataError

MAX_NAME, MAX_ADDRESS = 64, 255
MAX_UPDATES = 2048
MAX_SEALED = 2 << 20  # what a sealed membership may have
MAX_INCARNATION = 1 << 62
_MOBILE = 128
_LARGEST_UPDATE = 9 + 3 + 2 * MAX_NAME + MAX_ADDRESS

_HEAD = struct.Struct("!BQI")
_COUNT = struct.Struct("!H")
_UPDATE = struct.Struct("!BQ")


class BadMessage(StrataError):
    """Bytes that are no message of a member, and why."""


class State(IntEnum):
    """What is held of a member. Of two claims of the same incarnation the higher state counts (SWIM, section 4.2)."""

    ALIVE = 0
    SUSPECT = 1
    DEAD = 2
    LEFT = 3


class Kind(IntEnum):
    """Kinds of messages."""

    PING = 1
    PING_REQUEST = 2  # ping the target for me
    ACK = 3
    NACK = 4  # the target that you asked me to ping does not answer
    GOSSIP = 5
    SYNC = 6  # all that I know; tell me all that you know
    SYNC_REPLY = 7
    FETCH = 8  # send me your sealed membership
    SEALED = 9


_NUMBERED = frozenset({Kind.PING, Kind.PING_REQUEST, Kind.ACK, Kind.NACK})


@dataclass(frozen=True, slots=True)
class Update:
    """A claim about a member.

    accuser: who found it suspect or dead. address: where it listens; empty if nowhere. mobile: it is metered and sleeps
    at times.
    """

    state: State
    incarnation: int
    peer: str
    accuser: str = ""
    address: str = ""
    mobile: bool = False


@dataclass(frozen=True, slots=True)
class Message:
    """version: of the signed membership that the sender goes by. number: of the probe, 0 in other kinds."""

    kind: Kind
    version: int
    number: int = 0
    target: str = ""
    updates: tuple[Update, ...] = ()
    sealed: bytes = b""


def encode(message: Message) -> bytes:
    """The bytes of a message that keeps to the bounds."""
    head = _HEAD.pack(message.kind, message.version, message.number)
    if message.kind is Kind.SEALED:
        return head + message.sealed
    parts = [head]
    if message.kind is Kind.PING_REQUEST:
        parts.append(_text(message.target))
    parts.append(_COUNT.pack(len(message.updates)))
    parts.extend(map(encode_update, message.updates))
    return b"".join(parts)


def encode_update(update: Update) -> bytes:
    """The bytes of one update."""
    return (
        _UPDATE.pack(update.state | (_MOBILE if update.mobile else 0), update.incarnation)
        + _text(update.peer)
        + _text(update.accuser)
        + _text(update.address)
    )


def _text(text: str) -> bytes:
    return bytes((len(text),)) + text.encode("ascii")


def decode(data: bytes) -> Message:
    """The message in `data`; raises BadMessage. Takes nothing that `encode` would not have made."""
    if len(data) < _HEAD.size:
        raise BadMessage(f"a message of {len(data)} bytes is too short")
    number_of_kind, version, number = _HEAD.unpack_from(data)
    if not Kind.PING <= number_of_kind <= Kind.SEALED:
        raise BadMessage(f"there is no kind {number_of_kind} of message")
    kind = Kind(number_of_kind)
    if number and kind not in _NUMBERED:
        raise BadMessage(f"a {kind.name} has no number")
    rest = _Reader(data, _HEAD.size)
    if kind is Kind.SEALED:
        if len(data) > _HEAD.size + MAX_SEALED:
            raise BadMessage(f"a sealed membership has at most {MAX_SEALED} bytes")
        return Message(kind, version, sealed=data[_HEAD.size :])
    if len(data) > _HEAD.size + MAX_UPDATES * _LARGEST_UPDATE:
        raise BadMessage(f"a message of {len(data)} bytes is too long")
    target = rest.text(1, MAX_NAME) if kind is Kind.PING_REQUEST else ""
    (count,) = rest.unpack(_COUNT)
    if count > MAX_UPDATES:
        raise BadMessage(f"{count} updates are more than {MAX_UPDATES}")
    updates = tuple([rest.update() for _ in range(count)])
    if rest.at != len(data):
        raise BadMessage(f"{len(data) - rest.at} bytes follow the message")
    return Message(kind, version, number, target, updates)


class _Reader:
    __slots__ = ("_data", "at")

    def __init__(self, data: bytes, at: int) -> None:
        self._data = data
        self.at = at

    def unpack(self, form: struct.Struct) -> tuple[int, ...]:
        if len(self._data) - self.at < form.size:
            raise BadMessage("the message ends too early")
        found = form.unpack_from(self._data, self.at)
        self.at += form.size
        return found

    def text(self, least: int, most: int) -> str:
        if self.at >= len(self._data):
            raise BadMessage("the message ends too early")
        end = self.at + 1 + self._data[self.at]
        raw = self._data[self.at + 1 : end]
        if end > len(self._data):
            raise BadMessage("the message ends too early")
        if not least <= len(raw) <= most:
            raise BadMessage(f"a text of {len(raw)} bytes where {least} to {most} are allowed")
        self.at = end
        if not raw.isascii() or not (text := raw.decode("ascii")).isprintable():
            raise BadMessage("a text that is not printable ASCII")
        return text

    def update(self) -> Update:
        state, incarnation = self.unpack(_UPDATE)
        mobile, state = bool(state & _MOBILE), state & ~_MOBILE
        if state > State.LEFT:
            raise BadMessage(f"there is no state {state}")
        if incarnation > MAX_INCARNATION:
            raise BadMessage(f"an incarnation of {incarnation} is not possible")
        peer, accuser, address = self.text(1, MAX_NAME), self.text(0, MAX_NAME), self.text(0, MAX_ADDRESS)
        if bool(accuser) is not (state in (State.SUSPECT, State.DEAD)):
            raise BadMessage("who is suspect or dead has an accuser, and nobody else")
        return Update(_STATES[state], incarnation, peer, accuser, address, mobile)


_STATES = tuple(State)
