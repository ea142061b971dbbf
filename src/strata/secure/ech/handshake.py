"""The channel's handshake inside an ECH-style hello: `Channel(EchInitiator(...))`, `Channel(EchResponder(...))`.

    -> hello                      1,401 bytes with MLKEM768-X25519, 313 with X25519
    <- e, ee                         48 bytes, to the inner message or to the outer one: nobody else can tell
    -> s, se                         64 bytes
    <- welcome                    a record with the listener's ECHConfigList, of one size

A listener that opens the hello goes on with the inner message; one that cannot goes on with the outer one. Which it
was, the dialler sees by which of its two handshakes can read the answer. The welcome comes under the channel's
encryption, so its configs are believed only from a peer that has proved who it is; they are how configs spread, and
what RFC 9849 calls retry configs. Whoever had a config and got an answer to the outer message ends the connection
(`HelloRejected`) and may dial again with the new configs; who sent GREASE goes on.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from strata.secure.ech import hello
from strata.secure.ech.configs import BadEchConfig, Config, EchConfig, parse_config_list
from strata.secure.ech.keys import EchKeys
from strata.secure.errors import HandshakeFailed, ProtocolViolation
from strata.secure.handshake import FIRST_BYTES, Handshake, InitiatorHandshake, Keys, ResponderHandshake
from strata.secure.identity import Identity, public_key_of
from strata.secure.membership import Member, Membership
from strata.secure.records import WELCOME_BYTES
from strata.secure.replay import ReplayCache


class HelloRejected(HandshakeFailed):
    """The `listener` has proved who it is, and could not open the hello; `retry_configs` are what it offers now."""

    def __init__(self, listener: Member, retry_configs: tuple[Config, ...]) -> None:
        super().__init__(f"{listener.name} cannot open a hello under the config that is known of it")
        self.listener = listener
        self.retry_configs = retry_configs


class EchInitiator:
    """The dialling side. config: of whoever listens at the address (see `hello.choose`); None sends GREASE.

    front: the peer id of who listens there, when that is not the peer itself; then a config is needed. Raises
    NotAMember, BadEchConfig.
    """

    initiates = True

    def __init__(
        self,
        identity: Identity,
        membership: Membership,
        peer_id: str,
        config: EchConfig | None = None,
        *,
        front: str | None = None,
        clock: Callable[[], float] = time.time,
    ) -> None:
        if front is not None and config is None:
            raise BadEchConfig("a front passes on only what is sealed for it, and its config is not known")
        self.retry_configs: tuple[Config, ...] = ()
        self._listener = membership.member(front or peer_id)
        self._inner: InitiatorHandshake | None = None
        if config is None:
            header, sealed = hello.grease(clock())
        else:
            header = hello.header_for(config)
            extra = hello.binding(config, header)
            self._inner = InitiatorHandshake(identity, membership, peer_id, extra=extra, clock=clock)
            inner = hello.Inner(int(clock()), public_key_of(peer_id), self._inner.start())
            sealed = hello.seal(config, header, inner)
        self._outer = InitiatorHandshake(
            identity, membership, self._listener.peer_id, extra=hello.outer_extra(header, sealed), clock=clock
        )
        self.expected = self._outer.expected
        self._first = header + sealed + self._outer.start()
        self._chosen: Handshake = self._outer

    @property
    def accepted(self) -> bool:
        """Whether the hello was opened: known once the peer's message has been read."""
        return self._chosen is self._inner

    def start(self) -> bytes:
        """The hello."""
        return self._first

    def step(self, message: bytes) -> bytes:
        """Read the second message by whichever handshake can, write the third."""
        if self._inner is not None:
            try:
                third = self._inner.step(message)
            except HandshakeFailed:
                pass  # it answers the outer message, or it is forged and the outer handshake says so
            else:
                self._chosen, self.expected = self._inner, 0
                return third
        third = self._outer.step(message)
        self.expected = 0
        return third

    def finish(self) -> tuple[Member, Keys]:
        """The authenticated peer and (send, receive)."""
        return self._chosen.finish()

    def welcome(self) -> bytes:
        """Nothing: the listener welcomes."""
        return b""

    def welcomed(self, data: bytes) -> None:
        """Take the configs of whoever has authenticated itself; raises HelloRejected, ProtocolViolation."""
        self.retry_configs = _unpad(data)
        if self._inner is not None and not self.accepted:
            raise HelloRejected(self._listener, self.retry_configs)


@dataclass(frozen=True)
class ReadHello:
    """A hello that is whole and new. opened: what was sealed in it for this listener's keys, if that could be opened.

    outer: the handshake with the listener itself, whose first message has been read.
    """

    opened: hello.Opened | None
    outer: ResponderHandshake


@dataclass(frozen=True)
class Listener:
    """Who listens: its identity, the current membership, what it has seen, and the keys that open hellos."""

    identity: Identity
    membership: Callable[[], Membership]
    replays: ReplayCache
    keys: EchKeys

    def read(self, header: bytes, rest: bytes) -> ReadHello:
        """Read a hello; raises ChannelError.

        The outer message is read in any case: it vouches for every byte before it, so that a changed hello fails
        whether or not it could have been opened, and nothing is opened for who does not know this peer's channel key.
        """
        sealed, message = rest[:-FIRST_BYTES], rest[-FIRST_BYTES:]
        outer = ResponderHandshake(
            self.identity, self.membership, self.replays, extra=hello.outer_extra(header, sealed)
        )
        outer.read_first(message)
        return ReadHello(hello.unseal(self.keys, self.replays, header, sealed), outer)


class EchResponder:
    """The listening side, for hellos to this peer; one for another peer is refused (a front reads hellos by itself).

    read: a hello that a front has read already; `start` answers it. Raises ChannelError.
    """

    initiates = False

    def __init__(self, listener: Listener, read: ReadHello | None = None) -> None:
        self.expected = hello.HEADER.size
        self.accepted = False
        self._listener = listener
        self._header = b""
        self._handshake: ResponderHandshake | None = None
        self._reply = b"" if read is None else self._answer(read)

    def start(self) -> bytes:
        """Nothing: a listener is silent until it has read a hello. Where that was done already, the second message."""
        return self._reply

    def step(self, message: bytes) -> bytes:
        """Read the header, what follows it, and the third message; write the second."""
        if self._handshake is not None:
            reply = self._handshake.step(message)
            self.expected = self._handshake.expected
            return reply
        if self._header:
            return self._answer(self._listener.read(self._header, message))
        self.expected = hello.rest_bytes(message)
        self._header = message
        return b""

    def finish(self) -> tuple[Member, Keys]:
        """The authenticated member and (send, receive)."""
        assert self._handshake is not None
        return self._handshake.finish()

    def welcome(self) -> bytes:
        """This listener's configs, padded to one size: the welcome of a hello that could not be opened looks alike."""
        return self._listener.keys.config_list().ljust(WELCOME_BYTES, b"\0")

    def welcomed(self, data: bytes) -> None:
        """Never: a listener is not welcomed."""
        raise ProtocolViolation("a welcome from the side that dialled")

    def _answer(self, read: ReadHello) -> bytes:
        handshake = read.outer
        if (opened := read.opened) is not None:
            who = self._listener
            if opened.peer_id != who.identity.peer_id:
                raise HandshakeFailed("a hello for another peer, and this one is no front")
            handshake = ResponderHandshake(who.identity, who.membership, who.replays, extra=opened.binding)
            handshake.read_first(opened.message)
            self.accepted = True
        self._handshake = handshake
        answer = handshake.write_second()
        self.expected = handshake.expected
        return answer


def _unpad(data: bytes) -> tuple[Config, ...]:
    end = 2 + int.from_bytes(data[:2], "big")
    try:
        configs = parse_config_list(data[:end])
    except BadEchConfig as error:
        raise ProtocolViolation(f"a welcome without a proper ECHConfigList: {error}") from None
    if any(data[end:]):
        raise ProtocolViolation("a welcome is padded with something else than zeros")
    return configs
