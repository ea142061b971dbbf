"""Dialling a member.

Every link begins with an ECH-style hello (see `strata.secure.ech` for what it hides from whom): a true one where the
listener's config is known from an earlier dial, else GREASE. Each listener gives its config when it has authenticated
itself, so a roster knows it from the first dial on.
"""

import math
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import trio

from strata.errors import StrataError
from strata.mesh.links import Link
from strata.mesh.roster import Roster
from strata.mesh.services import kind_of
from strata.secure import Channel, ChannelError, EchConfig, EchInitiator, HelloRejected, Identity, Member, Membership

HANDSHAKE_SECONDS = 10.0


class Unreachable(StrataError):
    """No address of the peer took a connection in time."""


class EchRequired(Unreachable):
    """A hello was to hide whom it is for, and no config is known under which it could: it was not sent."""

    def __init__(self, name: str) -> None:
        super().__init__(
            f"no ECH config of {name} that can be used is known, and no other hello may be sent: dial it once without "
            "that demand, from which its config is learned (`STRATA_REQUIRE_ECH=false strata mesh status` dials all)"
        )


async def dial(
    identity: Identity,
    roster: Roster,
    peer_id: str,
    address: str | None = None,
    timeout: float = HANDSHAKE_SECONDS,
    *,
    service: str | None = None,
    front: str | None = None,
    require_ech: bool = False,
) -> Link:
    """Connect to a member, at `address` ("host:port") or where the roster has it, within `timeout` seconds.

    service: which of the member's services is wanted (see `strata.mesh.services`); None where its listener has but one.
    front: the peer id of a member that passes the link on; the address is then the front's, whose config is fetched
    first if it is not known and may be. Where neither is given and the membership names fronts of the member, it is
    dialled through one of them and never past them, but by a front of it. require_ech: send no hello but a true one,
    which means that who listens there was dialled before; a roster may demand that of all dials. A listener that cannot
    open a true hello is dialled again with what it offers now, once.

    Raises NotAMember and EchRequired before anything is sent, Unreachable when nobody answers, ChannelError when who
    answers is not the peer or does not take us for a member.
    """
    member = roster.membership.member(peer_id)
    listeners: tuple[Member, ...] = (member if front is None else roster.membership.member(front),)
    if front is None and address is None:
        listeners = _listeners(identity, roster.membership, member)
    demand = require_ech or roster.require_ech
    failure: StrataError = Unreachable(f"the membership lists no address of {listeners[0].name}")
    places = [
        (listener, place)
        for listener in listeners
        for place in (roster.addresses.of(listener) if address is None else (address,))
    ]
    with trio.move_on_after(timeout) as deadline:
        for number, (listener, place) in enumerate(places):
            try:
                with share_of_time(len(places) - number, place):
                    link = await _Dial(identity, roster, member, listener, demand).at(place)
                    if service is not None:
                        link.kind = kind_of(service)
                        await link.send(service.encode())
            except (Unreachable, ChannelError) as error:
                failure = error
            else:
                if address is None:
                    roster.addresses.answer(listener.peer_id, place)
                return link
    if deadline.cancelled_caught:
        raise Unreachable(f"{member.name} did not answer within {timeout:g} s")
    raise failure


@contextmanager
def share_of_time(places: int, place: str) -> Iterator[None]:
    """One of so many equal parts of the time that is left, so that a place that swallows everything leaves some.

    Raises Unreachable when it is over.
    """
    left = trio.current_effective_deadline() - trio.current_time()
    seconds = left / places if places > 1 else math.inf
    with trio.move_on_after(seconds) as turn:
        yield
    if turn.cancelled_caught:
        raise Unreachable(f"nobody answered at {place} within {seconds:.1f} s")


async def open_stream(member: Member, address: str) -> trio.SocketStream:
    """A connection to a member's address; raises Unreachable."""
    host, _, port = address.rpartition(":")
    try:
        return await trio.open_tcp_stream(host.strip("[]"), int(port))
    except (OSError, ValueError) as error:  # ValueError: not host:port
        reason = getattr(error, "strerror", None) or error
        raise Unreachable(f"cannot connect to {member.name} at {address}: {reason}") from None


def _listeners(identity: Identity, membership: Membership, member: Member) -> tuple[Member, ...]:
    """Whom to dial to reach a member; raises NotAMember where a front is none."""
    fronts = tuple(membership.named(name) for name in member.fronts)
    return (member,) if not fronts or identity.peer_id in {front.peer_id for front in fronts} else fronts


@dataclass(frozen=True)
class _Dial:
    """A dial of `member`, at addresses of `listener`, which is the member itself or a front."""

    identity: Identity
    roster: Roster
    member: Member
    listener: Member
    require_ech: bool

    async def at(self, address: str) -> Link:
        """A link, after a second try where the listener could not open the hello; raises as `dial` does."""
        through_front = self.listener is not self.member
        if through_front and self._config is None and not self.require_ech:
            await (await self._establish(self.listener, address)).aclose()
        for _ in range(2):
            if self._config is None and (through_front or self.require_ech):
                raise EchRequired(self.listener.name)
            try:
                return await self._establish(self.member, address)
            except HelloRejected as error:
                self.roster.learn(self.listener.peer_id, error.retry_configs)
                failure = error
        raise failure

    @property
    def _config(self) -> EchConfig | None:
        return self.roster.ech_config(self.listener.peer_id)

    async def _establish(self, target: Member, address: str) -> Link:
        """One connection and one handshake; what the target says of itself is learned."""
        stream = await open_stream(self.listener, address)
        front = None if self.listener is target else self.listener.peer_id
        handshake = EchInitiator(self.identity, self.roster.membership, target.peer_id, self._config, front=front)
        link = Link(stream.socket, Channel(handshake), self.roster)
        await link.establish()
        self.roster.learn(target.peer_id, handshake.retry_configs)
        return link
