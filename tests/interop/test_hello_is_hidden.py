"""The ECH-style hello over real sockets: who is dialled behind a front does not show, and old hellos are refused.

The statistics are in `tests.support.distinguish`. They see what they should see: see the controls.
"""

import random
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import numpy as np
import pytest
import trio

from strata.mesh import Link, Roster, dial, serve, write_membership
from strata.secure import (
    ChannelError,
    EchInitiator,
    EchKeys,
    Identity,
    Membership,
    choose,
    open_ech_keys,
    parse_config_list,
)
from strata.secure.identity import public_key_of
from tests.support.distinguish import ALARM, by_one_bit, p_of_bytes, p_of_times, rows

DIALS, BATCH = 480, 48  # links of a batch are open together: no two of them have one port
SECRET_NAMES = ("dialler-9c1f", "front-77d0", "carol-3e8a", "dave-b652")
ALICE, FRONT, CAROL, DAVE = (Identity.generate() for _ in SECRET_NAMES)
TARGETS = (CAROL, DAVE)
UP, DOWN = 1401 + 64 + 21 + 116 + 21, 48 + 2085 + 21 + 116  # hello, third message, a record of 100 bytes, close


async def echo(link: Link) -> None:
    while True:
        await link.send(await link.receive())


class Leg:
    """What was captured between dialler and front, dial by dial."""

    def __init__(self, labels: np.ndarray) -> None:
        self.labels = labels
        self.up: list[bytes] = []
        self.down: list[bytes] = []
        self.seconds: list[float] = []
        self.streams: list[bytes] = []  # of all legs


async def record_dials(loopback_capture, seed: int) -> tuple[Leg, Membership]:
    labels = np.array([0, 1] * (DIALS // 2))
    random.Random(seed).shuffle(labels)
    leg = Leg(labels)
    membership = Membership.found(ALICE)
    for identity, name in zip((ALICE, FRONT, CAROL, DAVE), SECRET_NAMES, strict=True):
        membership = membership.with_member(identity.card, name)
    with trio.fail_after(120):
        async with trio.open_nursery() as nursery:
            ports = {}
            for identity in TARGETS:
                ports[identity] = await nursery.start(serve, identity, Roster(membership), echo)
                name = membership.member(identity.peer_id).name
                membership = membership.with_member(identity.card, name, [f"127.0.0.1:{ports[identity]}"])
            front_roster = Roster(membership)

            async def start_front(task_status):
                await serve(FRONT, front_roster, echo, fronting=True, task_status=task_status)

            port = await nursery.start(start_front)
            address, roster = f"127.0.0.1:{port}", Roster(membership)
            for target in TARGETS:  # configs are fetched before
                await (await dial(ALICE, roster, target.peer_id, address, front=FRONT.peer_id)).aclose()
            for batch in labels.reshape(-1, BATCH):
                clients, links = [], []
                with loopback_capture({port, *ports.values()}) as capture:
                    for label in batch:
                        start = time.perf_counter()
                        link = await dial(ALICE, roster, TARGETS[label].peer_id, address, front=FRONT.peer_id)
                        leg.seconds.append(time.perf_counter() - start)
                        clients.append(link._socket.getsockname()[1])
                        links.append(link)
                        await link.send(bytes(100))
                        await link.receive()
                    for link in links:
                        await link.aclose()
                assert capture.dropped == capture.gaps == 0
                leg.up += [bytes(capture.streams[client, port]) for client in clients]
                leg.down += [bytes(capture.streams[port, client]) for client in clients]
                leg.streams += [bytes(stream) for stream in capture.streams.values()]
            nursery.cancel_scope.cancel()
    return leg, membership


@pytest.fixture(scope="module")
def leg():
    """One recording for the tests that look at it."""
    from tests.support.capture import LoopbackCapture, can_capture

    if not can_capture():
        pytest.skip("NOT TESTED: capturing loopback traffic needs Linux and CAP_NET_RAW")
    return trio.run(record_dials, LoopbackCapture, 6)


def test_all_dials_have_the_same_sizes(leg):
    # What the listener sends after the echo, its close, may or may not come before the dialler has hung up.
    assert {len(each) for each in leg[0].up} == {UP}
    assert {len(each[:DOWN]) for each in leg[0].down} == {DOWN}
    assert {each[:9] for each in leg[0].up} == {leg[0].up[0][:9]}


def test_no_identifier_is_in_the_captured_bytes_of_any_leg(leg):
    recorded, membership = leg
    wanted = [membership.mesh_id.encode(), bytes.fromhex(membership.mesh_id)]
    for member in membership.members:
        wanted += [member.name.encode(), member.peer_id.encode(), public_key_of(member.peer_id), member.static_key]
    assert len(recorded.streams) >= 4 * DIALS  # both directions of both legs
    for stream in recorded.streams:
        assert not any(each in stream for each in wanted)


def test_bytes_do_not_tell_which_target_was_dialled(leg):
    for records in (leg[0].up, [each[:DOWN] for each in leg[0].down]):
        for classifier, p in p_of_bytes(records, leg[0].labels).items():
            assert p > ALARM, classifier


def test_the_time_of_a_dial_does_not_tell_which_target_was_dialled(leg):
    assert p_of_times(np.array(leg[0].seconds), leg[0].labels) > ALARM


def test_the_classifiers_see_what_is_not_hidden(leg):
    """Controls: the target's key in the clear, one bit that is right three times of four, 0.5 ms more for one."""
    labels = leg[0].labels
    keys = [public_key_of(target.peer_id) for target in TARGETS]
    clear = [each[:200] + keys[label] + each[232:] for each, label in zip(leg[0].up, labels, strict=True)]
    assert all(p < ALARM for p in p_of_bytes(clear, labels).values())
    luck = random.Random(1)
    hints = [label ^ (luck.random() < 0.25) for label in labels]
    hinted = [
        each[:700] + bytes([each[700] & 0xFE | hint]) + each[701:] for each, hint in zip(leg[0].up, hints, strict=True)
    ]
    assert p_of_bytes(hinted, labels)[by_one_bit.__name__] < ALARM
    assert rows(hinted).shape == (DIALS, 8 * UP)
    assert p_of_times(np.random.default_rng(1).normal(0.005, 0.0005, DIALS) + 0.0005 * labels, labels) < ALARM


# Replays


class Home:
    """A listener's folder, mesh and process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "bob"
        self.folder.mkdir()
        self.bob = Identity.generate()
        self.bob.save(self.folder / "identity.json")
        self.membership = Membership.found(ALICE).with_member(ALICE.card, "alice").with_member(self.bob.card, "bob")
        self.mesh = folder / "mesh"
        write_membership(self.mesh, self.membership.seal(ALICE))
        self.port = 0

    @contextmanager
    def running(self) -> Iterator[None]:
        command = [sys.executable, "-m", "tests.support.listener", self.folder, self.mesh, str(self.port)]
        with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
            try:
                self.port = int(process.stdout.readline())
                yield
            finally:
                process.send_signal(signal.SIGKILL)

    def keys(self) -> EchKeys:
        """The keys in its file."""
        return open_ech_keys(self.folder / "ech.json")

    def hello(self, true: bool) -> bytes:
        config = choose(parse_config_list(self.keys().config_list())) if true else None
        return EchInitiator(ALICE, self.membership, self.bob.peer_id, config).start()

    def answer(self, data: bytes) -> bytes:
        """What comes back, up to a second message."""
        with socket.create_connection(("127.0.0.1", self.port), timeout=20) as connection:
            connection.sendall(data)
            try:
                return connection.recv(48)
            except ConnectionResetError:
                return b""


@pytest.mark.parametrize("true", [True, False], ids=["true", "grease"])
def test_a_hello_sent_again_after_a_kill_or_a_change_of_keys_is_refused(tmp_path, true):
    home = Home(tmp_path)
    with home.running():
        hello = home.hello(true)
        assert len(home.answer(hello)) == 48
        assert home.answer(hello) == b""
    with home.running():  # killed, and started anew
        assert home.answer(hello) == b""
        assert len(home.answer(home.hello(true))) == 48  # others are served at once
    for rotations in (1, 8):  # the old key is honoured; it is gone
        keys = home.keys()
        for _ in range(rotations):
            keys.rotate()
        with home.running():
            assert home.answer(hello) == b""
            assert len(home.answer(home.hello(true))) == 48
    (home.folder / "replays").unlink()
    with home.running():
        assert len(home.answer(hello)) == 48  # it was the memory that refused it


# Retry configs


@pytest.mark.anyio
@pytest.mark.parametrize("forged", ["welcome", "answer"])
async def test_forged_retry_configs_are_ignored(forged):
    """Somebody between the two changes the welcome, or answers in the listener's place."""
    membership = Membership.found(ALICE).with_member(ALICE.card, "alice").with_member(CAROL.card, "carol")
    roster, forger = Roster(membership), EchKeys()

    async def between(near: trio.SocketStream) -> None:
        async with await trio.open_tcp_stream("127.0.0.1", port) as far:
            await far.send_all(await exactly(near, 1401))
            second = await exactly(far, 48)
            if forged == "answer":
                await near.send_all(Identity.generate().static_key + second[32:])
                return
            await near.send_all(second)
            await far.send_all(await exactly(near, 64))
            welcome = bytearray(await exactly(far, 2085))
            offered = forger.config_list()
            for place, byte in enumerate(offered, start=21):  # as if the cipher were none
                welcome[place] ^= byte
            await near.send_all(welcome)
            await near.receive_some(1)

    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            port = await nursery.start(serve, CAROL, Roster(membership), echo)
            listeners = await nursery.start(trio.serve_tcp, between, 0)
            address = f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"
            for known in (False, True):
                with pytest.raises(ChannelError):
                    await dial(ALICE, roster, CAROL.peer_id, address)
                if not known:
                    assert roster.ech_config(CAROL.peer_id) is None
                    await (await dial(ALICE, roster, CAROL.peer_id, f"127.0.0.1:{port}")).aclose()
                    config = roster.ech_config(CAROL.peer_id)
                    assert config is not None
            assert roster.ech_config(CAROL.peer_id) == config
            nursery.cancel_scope.cancel()


async def exactly(stream: trio.SocketStream, count: int) -> bytes:
    data = b""
    while len(data) < count:
        data += await stream.receive_some(count - len(data))
    return data
