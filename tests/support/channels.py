"""Channels joined in memory: what one sends, the test hands to the other, changed or not."""

from strata.secure import Channel, Closed, Identity, Membership, ReplayCache, Suite
from strata.secure.channel import Event

ALICE, BOB, OUTSIDER = Identity.generate(), Identity.generate(), Identity.generate()
MESH = Membership.found(ALICE).with_member(ALICE.card, "alice").with_member(BOB.card, "bob")


def new_pair(suite: Suite | None = None, replays: ReplayCache | None = None) -> tuple[Channel, Channel]:
    """Alice dialling and Bob listening; nothing has been said yet."""
    initiator = Channel.initiator(ALICE, MESH, BOB.peer_id, suite=suite)
    return initiator, Channel.responder(BOB, lambda: MESH, ReplayCache() if replays is None else replays)


def feed(channel: Channel, data: bytes) -> None:
    """Hand bytes to a channel that expects more."""
    view = memoryview(data)
    while view:
        room = channel.receive_buffer()
        count = min(len(room), len(view))
        room[:count] = view[:count]
        channel.received(count)
        view = view[count:]
        if view and channel.next_event() is not None:
            raise AssertionError("an event came before all bytes were taken")


def end(channel: Channel) -> None:
    """Tell a channel that its stream has ended."""
    channel.receive_buffer()
    channel.received(0)


def flights(initiator: Channel, responder: Channel) -> list[bytes]:
    """Run the handshake; the bytes of each of its four flights."""
    taken = []
    for turn in range(4):
        writer, reader = (initiator, responder) if turn % 2 == 0 else (responder, initiator)
        taken.append(writer.outgoing())
        feed(reader, taken[-1])
        event = reader.next_event()
        assert (event is None) == (turn < 2), event
    return taken


def connected(suite: Suite | None = None) -> tuple[Channel, Channel]:
    """A pair after its handshake."""
    pair = new_pair(suite)
    flights(*pair)
    return pair


def sealed(channel: Channel, *buffers: bytes) -> bytes:
    """The wire bytes of one record."""
    return b"".join(bytes(view) for view in channel.send(*buffers))


def deliver(channel: Channel, wire: bytes, step: int = 1 << 16) -> list[Event]:
    """Feed bytes in steps; the events they give."""
    events: list[Event] = []
    collect(channel, wire, events, step)
    return events


def collect(
    channel: Channel, wire: bytes, events: list[Event], step: int = 1 << 16, *, finally_end: bool = False
) -> None:
    """As `deliver`, and then perhaps the end of the stream; the list keeps what came before an error."""
    chunks = [wire[start : start + step] for start in range(0, len(wire), step)]
    for chunk in [*chunks, b""] if finally_end else chunks:
        if chunk:
            feed(channel, chunk)
        else:
            end(channel)
        while (event := channel.next_event()) is not None:
            events.append(event)
            if event == Closed():  # which it then says for ever
                return
