"""The hello: what is the same for all, who may open it, and how everything else ends."""

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from strata.secure import (
    MLKEM768_X25519,
    X25519,
    BadEchConfig,
    Channel,
    ChannelError,
    EchKeys,
    Established,
    HandshakeFailed,
    HelloRejected,
    NotAMember,
    ProtocolViolation,
    ReplayCache,
    ReplayedHandshake,
    Tampered,
    encode_config_list,
    parse_config_list,
)
from strata.secure.ech import hello
from strata.secure.ech.handshake import EchInitiator, EchResponder
from strata.secure.ech.keys import LIFETIME_SECONDS
from strata.secure.handshake import InitiatorHandshake
from strata.secure.identity import public_key_of
from strata.secure.replay_file import ReplayFile
from tests.support.channels import ALICE, BOB, OUTSIDER, deliver, feed, flights, sealed
from tests.support.hellos import CAROL, FRONTED, Clock, config_of, dialling, listener, listening


def given_to(channel, data):
    feed(channel, data)
    return channel.next_event()


def a_hello(config, clock, inner):
    """Alice's hello to Bob with an inner hello made by hand."""
    header = hello.header_for(config)
    sealed_part = hello.seal(config, header, inner)
    extra = hello.outer_extra(header, sealed_part)
    return header + sealed_part + InitiatorHandshake(ALICE, FRONTED, BOB.peer_id, extra=extra, clock=clock).start()


SIZES = {X25519: [313, 48, 64, 2085], MLKEM768_X25519: [1401, 48, 64, 2085]}


@pytest.fixture
def clock():
    return Clock()


@pytest.fixture
def keys(clock):
    return EchKeys(clock=clock)


@pytest.fixture
def replays(clock):
    return ReplayCache(clock=clock)


@pytest.mark.parametrize("kem_id", SIZES)
def test_a_hello_that_is_opened_connects_both_ways(clock, replays, kem_id):
    keys = EchKeys(kem_id=kem_id, clock=clock)
    initiator, responder = dialling(config_of(keys), clock), listening(keys, replays)
    assert [len(each) for each in flights(initiator, responder)] == SIZES[kem_id]
    assert (initiator.peer.name, responder.peer.name) == ("bob", "alice")
    assert initiator.hello_opened
    assert responder.hello_opened
    assert deliver(responder, sealed(initiator, b"ping")) == [b"ping"]
    assert deliver(initiator, sealed(responder, b"pong")) == [b"pong"]


def test_grease_connects_too_and_brings_the_config(clock, keys, replays):
    initiator, responder = dialling(None, clock), listening(keys, replays)
    assert [len(each) for each in flights(initiator, responder)] == SIZES[MLKEM768_X25519]
    assert not initiator.hello_opened
    assert not responder.hello_opened
    assert initiator._handshake.retry_configs == (config_of(keys),)
    assert deliver(responder, sealed(initiator, b"ping")) == [b"ping"]


def test_grease_has_the_form_of_a_true_hello(clock, keys):
    true, greases = dialling(config_of(keys), clock).outgoing(), []
    for _ in range(24):
        greases.append(dialling(None, clock).outgoing())
    assert {len(each) for each in greases} == {len(true)}
    assert {each[:2] + each[3:9] for each in greases} == {true[:2] + true[3:9]}  # all of the header but the config id
    assert len({each[2] for each in greases}) > 8
    enc_of_x25519 = slice(hello.HEADER.size + 1088, hello.HEADER.size + 1120)
    assert all(each[enc_of_x25519][-1] < 128 for each in greases)  # below 2^255, as every X25519 key is


def test_a_stale_config_is_answered_with_new_ones_under_authentication(clock, keys, replays):
    stale = config_of(EchKeys(clock=clock))
    initiator, responder = dialling(stale, clock), listening(keys, replays)
    for turn in range(4):
        writer, reader = (initiator, responder) if turn % 2 == 0 else (responder, initiator)
        feed(reader, writer.outgoing())
        if turn < 3:
            reader.next_event()
    with pytest.raises(HelloRejected, match="bob") as caught:
        initiator.next_event()
    assert caught.value.retry_configs == (config_of(keys),)
    assert initiator.peer is None
    flights(dialling(caught.value.retry_configs[0], clock), listening(keys, replays))


def test_a_stale_hello_and_grease_are_answered_alike(clock, keys, replays):
    sizes = []
    for config in (config_of(EchKeys(clock=clock)), None, config_of(keys)):
        initiator, responder = dialling(config, clock), listening(keys, replays)
        sizes.append([])
        for turn in range(4):
            writer, reader = (initiator, responder) if turn % 2 == 0 else (responder, initiator)
            sizes[-1].append(len(data := writer.outgoing()))
            feed(reader, data)
            if turn < 3:
                reader.next_event()
    assert sizes == [SIZES[MLKEM768_X25519]] * 3


def test_who_cannot_authenticate_cannot_give_configs(clock, keys):
    config = config_of(keys)
    forger = listening(EchKeys(clock=clock), ReplayCache(clock=clock), OUTSIDER)
    initiator = dialling(config, clock)
    feed(forger, initiator.outgoing())
    with pytest.raises(HandshakeFailed):
        forger.next_event()
    # It answers all the same, with what it would have said to a hello of its own mesh.
    answer = listening(EchKeys(clock=clock), ReplayCache(clock=clock), CAROL)
    feed(answer, dialling(None, clock, CAROL).outgoing())
    answer.next_event()
    feed(initiator, answer.outgoing())
    with pytest.raises(HandshakeFailed):
        initiator.next_event()
    assert initiator._handshake.retry_configs == ()


def test_a_changed_welcome_is_not_believed(clock, keys, replays):
    initiator, responder = dialling(None, clock), listening(keys, replays)
    for _ in range(2):
        feed(responder, initiator.outgoing())
        responder.next_event()
        welcome = responder.outgoing()
        if len(welcome) == 48:
            feed(initiator, welcome)
            initiator.next_event()
    feed(initiator, welcome[:1000] + bytes([welcome[1000] ^ 1]) + welcome[1001:])
    with pytest.raises(Tampered):
        initiator.next_event()
    assert initiator._handshake.retry_configs == ()


@pytest.mark.parametrize(
    "welcome",
    [bytes(2048), b"\0\4\xfe\x0d\0\1".ljust(2048, b"\0"), b"\1" * 2048, b"\0\4\xaa\xaa\0\0".ljust(2048, b"\1")],
)
def test_a_member_whose_welcome_is_no_list_is_left(clock, keys, replays, welcome):
    initiator, responder = dialling(None, clock), listening(keys, replays)
    responder._handshake.welcome = lambda: welcome
    with pytest.raises(ProtocolViolation):
        flights(initiator, responder)


# Keys


def test_an_old_key_is_honoured_for_a_while_and_then_forgotten(clock, keys, replays):
    old = config_of(keys)
    clock.now += LIFETIME_SECONDS
    new = config_of(keys)
    assert new != old
    for config in (old, new):
        flights(dialling(config, clock), listening(keys, replays))
    clock.now += LIFETIME_SECONDS
    initiator, responder = dialling(old, clock), listening(keys, replays)
    feed(responder, initiator.outgoing())
    responder.next_event()
    assert not responder.hello_opened


# Replays


def test_a_hello_sent_again_is_refused(clock, keys, replays):
    for config in (config_of(keys), config_of(EchKeys(clock=clock)), None):
        first = dialling(config, clock).outgoing()
        feed(responder := listening(keys, replays), first)
        assert responder.next_event() is None
        assert len(responder.outgoing()) == 48
        feed(responder := listening(keys, replays), first)
        with pytest.raises(ReplayedHandshake):
            responder.next_event()
        assert responder.outgoing() == b""


@pytest.mark.parametrize("rotations", [1, 8])  # after eight the key is gone
def test_a_hello_sent_again_after_a_change_of_keys_is_refused(clock, keys, replays, rotations):
    first = dialling(config_of(keys), clock).outgoing()
    feed(responder := listening(keys, replays), first)
    responder.next_event()
    for _ in range(rotations):
        keys.rotate()
    feed(responder := listening(keys, replays), first)
    with pytest.raises(ReplayedHandshake):
        responder.next_event()
    assert responder.outgoing() == b""


@pytest.mark.parametrize("kept_keys", [True, False])
@pytest.mark.parametrize("true", [True, False])
def test_a_hello_sent_again_after_a_restart_is_refused(clock, keys, tmp_path, kept_keys, true):
    def start():
        return ReplayCache(clock=clock, file=ReplayFile(tmp_path / "replays"))

    first = dialling(config_of(keys) if true else None, clock).outgoing()
    feed(responder := listening(keys, start()), first)
    assert responder.next_event() is None
    clock.now += 300
    after = keys if kept_keys else EchKeys(clock=clock)
    feed(responder := listening(after, start()), first)
    with pytest.raises(ReplayedHandshake):
        responder.next_event()
    assert responder.outgoing() == b""
    feed(forgetful := listening(after, ReplayCache(clock=clock)), first)
    assert forgetful.next_event() is None  # so it was the file that refused it


def test_a_hello_with_another_outer_message_is_still_the_same_hello(clock, keys, replays):
    first = dialling(config_of(keys), clock).outgoing()
    other = dialling(None, clock).outgoing()
    feed(responder := listening(keys, replays), first)
    responder.next_event()
    feed(responder := listening(keys, replays), first[:-64] + other[-64:])
    with pytest.raises(HandshakeFailed):
        responder.next_event()
    sealed_part = first[9:-64]
    extra = hello.outer_extra(first[:9], sealed_part)
    mine = InitiatorHandshake(CAROL, FRONTED, BOB.peer_id, extra=extra, clock=clock).start()
    feed(responder := listening(keys, replays), first[:-64] + mine)  # a member who has seen it
    with pytest.raises(ReplayedHandshake):
        responder.next_event()


def test_a_front_too_opens_a_hello_once(clock, keys, replays):
    first = dialling(config_of(keys), clock, CAROL, front=BOB).outgoing()
    assert hello.unseal(keys, replays, first[:9], first[9:-64]).peer_id == CAROL.peer_id
    with pytest.raises(ReplayedHandshake):
        hello.unseal(keys, replays, first[:9], first[9:-64])


def test_a_hello_from_another_time_is_refused(clock, keys, replays):
    first = dialling(config_of(keys), clock).outgoing()
    clock.now += 601
    feed(responder := listening(keys, replays), first)
    with pytest.raises(ReplayedHandshake):
        responder.next_event()


# Changes


@given(data=st.data(), true=st.booleans())
@settings(max_examples=80)
def test_no_changed_hello_is_answered(data, true):
    clock = Clock()
    keys = EchKeys(clock=clock)
    first = bytearray(dialling(config_of(keys) if true else None, clock).outgoing())
    first[data.draw(st.integers(0, len(first) - 1))] ^= 1 << data.draw(st.integers(0, 7))
    responder = listening(keys, ReplayCache(clock=clock))
    with pytest.raises(ChannelError):
        given_to(responder, bytes(first))
    assert responder.outgoing() == b""


@given(st.binary(min_size=1500, max_size=3000))
def test_garbage_is_refused(garbage):
    clock = Clock()
    responder = listening(EchKeys(clock=clock), ReplayCache(clock=clock))
    with pytest.raises(ChannelError):
        given_to(responder, b"\xfe\x0d\0\x64\x7a\0\1\0\2" + garbage)


def test_a_hello_stripped_of_what_hides_it_is_refused(clock, keys, replays):
    feed(responder := listening(keys, replays), Channel.initiator(ALICE, FRONTED, BOB.peer_id).outgoing())
    with pytest.raises(HandshakeFailed, match="stripped"):
        responder.next_event()
    assert responder.outgoing() == b""


@pytest.mark.parametrize("extra", [b"", bytes(32)])
def test_an_inner_message_that_is_not_bound_to_its_hello_is_refused(clock, keys, replays, extra):
    config = config_of(keys)
    message = InitiatorHandshake(ALICE, FRONTED, BOB.peer_id, extra=extra, clock=clock).start()
    inner = hello.Inner(int(clock()), public_key_of(BOB.peer_id), message)
    feed(responder := listening(keys, replays), a_hello(config, clock, inner))
    with pytest.raises(HandshakeFailed):
        responder.next_event()


def test_an_inner_message_is_of_no_use_under_another_config(clock, keys, replays):
    opened = []
    for each in (keys, EchKeys(clock=clock)):
        first = dialling(config_of(each), clock).outgoing()
        opened.append(hello.unseal(each, ReplayCache(clock=clock), first[:9], first[9:-64]))
    assert opened[0].binding != opened[1].binding
    for relayed in (opened[1].binding, opened[0].binding):
        inner = hello.Inner(int(clock()), opened[0].target, opened[0].message, relayed)
        feed(responder := listening(keys, replays), a_hello(config_of(keys), clock, inner))
        if relayed == opened[0].binding:  # what a front passes on
            assert responder.next_event() is None
        else:
            with pytest.raises(HandshakeFailed):
                responder.next_event()


def test_an_inner_message_is_bound_to_the_whole_config_and_to_the_header(keys):
    config = config_of(keys)
    header = hello.header_for(config)
    others = [replace(config, **change) for change in ({"public_name": b"a.invalid"}, {"public_key": bytes(1216)})]
    bindings = [hello.binding(config, header), hello.binding(config, header[:8] + b"\3")]
    assert len({*bindings, *(hello.binding(each, header) for each in others)}) == 4


def test_padding_is_zeros(clock, keys, replays, monkeypatch):
    monkeypatch.setattr(hello, "_padded", lambda fields: fields.ljust(hello.INNER_BYTES, b"\1"))
    first = dialling(config_of(keys), clock).outgoing()
    monkeypatch.undo()
    feed(responder := listening(keys, replays), first)
    with pytest.raises(HandshakeFailed, match="padded"):
        responder.next_event()


# Who it is for


def test_a_hello_for_another_peer_is_refused_by_who_is_no_front(clock, keys, replays):
    first = dialling(config_of(keys), clock, peer=CAROL, front=BOB).outgoing()
    feed(responder := listening(keys, replays), first)
    with pytest.raises(HandshakeFailed, match="another peer"):
        responder.next_event()


def test_all_targets_behind_a_front_look_alike(clock, keys):
    hellos = [
        dialling(config_of(keys), clock, peer, BOB if peer is CAROL else None).outgoing() for peer in (BOB, CAROL)
    ]
    assert len(hellos[0]) == len(hellos[1])
    assert hellos[0][:9] == hellos[1][:9]
    for each in hellos:
        for member in FRONTED.members:
            assert public_key_of(member.peer_id) not in each
            assert member.static_key not in each


def test_nothing_is_dialled_through_a_front_whose_config_is_not_known(clock):
    with pytest.raises(BadEchConfig, match="front"):
        dialling(None, clock, CAROL, front=BOB)


def test_strangers_are_neither_dialled_nor_let_in(clock, keys, replays):
    with pytest.raises(NotAMember):
        dialling(None, clock, OUTSIDER)
    stranger = Channel(
        EchInitiator(OUTSIDER, FRONTED.with_member(OUTSIDER.card, "x"), BOB.peer_id, config_of(keys), clock=clock)
    )
    responder = listening(keys, replays)
    feed(responder, stranger.outgoing())
    assert responder.next_event() is None
    feed(stranger, responder.outgoing())
    stranger.next_event()
    feed(responder, stranger.outgoing())
    with pytest.raises(NotAMember):
        responder.next_event()
    assert responder.outgoing() == b""


def test_the_list_in_a_welcome_is_the_newest_config(clock, keys):
    responder = listening(keys, ReplayCache(clock=clock))
    keys.rotate()
    welcome = responder._handshake.welcome()
    assert len(welcome) == 2048
    data = welcome[: 2 + int.from_bytes(welcome[:2], "big")]
    assert parse_config_list(data) == (keys.current[0].config,)
    assert encode_config_list([keys.current[0].config]) == data


def test_a_read_hello_is_gone_on_from(clock, keys, replays):
    initiator = dialling(config_of(keys), clock)
    first = initiator.outgoing()
    who = listener(keys, replays)
    responder = Channel(EchResponder(who, who.read(first[:9], first[9:])))
    feed(initiator, responder.outgoing())
    assert initiator.next_event() is None
    feed(responder, initiator.outgoing())
    assert responder.next_event() == Established(FRONTED.member(ALICE.peer_id))
