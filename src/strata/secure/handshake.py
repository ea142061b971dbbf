"""The handshake of the channel: a hello, then Noise XK, checked against the membership.

    -> hello (8 bytes: magic, version, suite), e, es, {time}      64 bytes
    <- e, ee                                                      48 bytes
    -> s, se                                                      64 bytes

All sizes are fixed, so nothing in a handshake needs a length. The prologue binds the hello, the mesh, its owner and
`extra`, the bytes of whatever outer layer carried the handshake: a changed suite, another mesh, or a stripped outer
layer fails at the first message.
"""

import struct
import time
from collections.abc import Callable
from typing import Protocol

from strata.secure.cipher import REKEY_INTERVAL, TAG_BYTES, CipherState, Suite, preferred_suite
from strata.secure.errors import HandshakeFailed, ProtocolViolation
from strata.secure.identity import Identity
from strata.secure.membership import Member, Membership
from strata.secure.noise import HandshakeState
from strata.secure.replay import ReplayCache

VERSION = 1
_MAGIC = b"strata"
_HELLO = struct.Struct(">6sBB")
_TIME = struct.Struct(">Q")
FIRST_BYTES = _HELLO.size + 32 + _TIME.size + TAG_BYTES
SECOND_BYTES = 32 + TAG_BYTES
THIRD_BYTES = 32 + TAG_BYTES + TAG_BYTES

Keys = tuple[CipherState, CipherState]  # send, receive


class Handshake(Protocol):
    """One side: `expected` bytes go into `step`, which returns the bytes to send; at the end `expected` is 0."""

    expected: int
    initiates: bool

    @property
    def accepted(self) -> bool:
        """Whether an ECH-style hello was sent, and opened."""

    def start(self) -> bytes:
        """What this side sends unasked."""

    def step(self, message: bytes) -> bytes:
        """Take the peer's next message, of `expected` bytes; raises ChannelError."""

    def finish(self) -> tuple[Member, Keys]:
        """The authenticated peer and the transport ciphers."""

    def welcome(self) -> bytes:
        """What the responder says with its welcome: nothing, or `WELCOME_BYTES`."""

    def welcomed(self, data: bytes) -> None:
        """Take what the responder said with its welcome; raises ChannelError."""


def prologue(hello: bytes, membership: Membership, extra: bytes) -> bytes:
    """What both sides must agree on before the first message; every part is length-prefixed."""
    parts = (b"strata channel", hello, membership.mesh_id.encode(), membership.owner_peer_id.encode(), extra)
    return b"".join(len(part).to_bytes(4, "big") + part for part in parts)


class InitiatorHandshake:
    """The dialling side: it knows from the membership which key must answer; raises NotAMember for a stranger."""

    initiates = True
    accepted = False

    def __init__(
        self,
        identity: Identity,
        membership: Membership,
        peer_id: str,
        *,
        suite: Suite | None = None,
        extra: bytes = b"",
        clock: Callable[[], float] = time.time,
    ) -> None:
        self.expected = SECOND_BYTES
        self._peer = membership.member(peer_id)
        self._suite = suite or preferred_suite()
        self._hello = _HELLO.pack(_MAGIC, VERSION, self._suite)
        self._clock = clock
        self._noise = HandshakeState(
            self._suite,
            identity.static_private,
            remote_static=self._peer.static_key,
            prologue=prologue(self._hello, membership, extra),
        )

    def start(self) -> bytes:
        """Hello and first message."""
        return self._hello + self._noise.write_message(_TIME.pack(int(self._clock())))

    def step(self, message: bytes) -> bytes:
        """Read the second message, write the third."""
        self._noise.read_message(message)
        self.expected = 0
        return self._noise.write_message()

    def finish(self) -> tuple[Member, Keys]:
        """The pinned peer and (send, receive)."""
        send, receive = self._noise.split()
        return self._peer, _ciphers(self._suite, send, receive)

    def welcome(self) -> bytes:
        """Nothing: the responder welcomes."""
        return b""

    def welcomed(self, data: bytes) -> None:
        """Nothing is expected; raises ProtocolViolation."""
        if data:
            raise ProtocolViolation("a welcome that says something where no ECH-style hello was sent")


class ResponderHandshake:
    """The listening side: it learns who dialled in the third message, and takes members only."""

    initiates = False
    accepted = False

    def __init__(
        self,
        identity: Identity,
        membership: Callable[[], Membership],
        replays: ReplayCache,
        *,
        extra: bytes = b"",
    ) -> None:
        self.expected = FIRST_BYTES
        self._identity = identity
        self._membership = membership
        self._replays = replays
        self._extra = extra
        self._noise: HandshakeState | None = None
        self._peer: Member | None = None

    def start(self) -> bytes:
        """Nothing: a listener is silent until it has read an authentic first message."""
        return b""

    def step(self, message: bytes) -> bytes:
        """Read the first message and write the second; or read the third, and who it is from."""
        if self._noise is None:
            self.read_first(message)
            return self.write_second()
        self._noise.read_message(message)
        assert self._noise.remote_static is not None
        # Asked now, not at the start: a peer revoked while the handshake ran stays out.
        self._peer = self._membership().member_by_key(self._noise.remote_static)
        self.expected = 0
        return b""

    def finish(self) -> tuple[Member, Keys]:
        """The authenticated member and (send, receive)."""
        assert self._noise is not None
        assert self._peer is not None
        receive, send = self._noise.split()
        return self._peer, _ciphers(self._suite, send, receive)

    def welcome(self) -> bytes:
        """Nothing but the word itself."""
        return b""

    def welcomed(self, data: bytes) -> None:
        """Never: a responder is not welcomed."""
        raise ProtocolViolation("a welcome from the side that dialled")

    def read_first(self, message: bytes) -> None:
        """Read the first message, which is authentic then and new; raises ChannelError."""
        hello = message[: _HELLO.size]
        magic, version, suite = _HELLO.unpack(hello)
        if magic != _MAGIC or version != VERSION:
            raise HandshakeFailed("not a hello of this protocol")
        try:
            self._suite = Suite(suite)
        except ValueError:
            raise HandshakeFailed(f"unknown cipher suite {suite}") from None
        noise = HandshakeState(
            self._suite,
            self._identity.static_private,
            prologue=prologue(hello, self._membership(), self._extra),
        )
        payload = noise.read_message(message[_HELLO.size :])
        (made,) = _TIME.unpack(payload)
        self._replays.check(message[_HELLO.size : _HELLO.size + 32], made)
        self._noise = noise

    def write_second(self) -> bytes:
        """The answer to the first message."""
        assert self._noise is not None
        self.expected = THIRD_BYTES
        return self._noise.write_message()


def _ciphers(suite: Suite, send: bytes, receive: bytes) -> Keys:
    return CipherState(suite, send, REKEY_INTERVAL), CipherState(suite, receive, REKEY_INTERVAL)
