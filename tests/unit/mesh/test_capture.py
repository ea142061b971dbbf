"""What an eavesdropper on loopback sees of a link, and that the eavesdropper does see."""

import socket

import pytest
import trio

from strata.mesh import Roster, dial, serve
from tests.support.channels import ALICE, BOB, MESH

SECRET = b"the launch code is 0000, and this sentence is known. "


def test_the_capture_sees_a_plain_socket(loopback_capture):
    sent = SECRET * 50_000
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
        with (
            loopback_capture({port}) as capture,
            socket.create_connection(listener.getsockname()) as near,
            listener.accept()[0] as far,
        ):
            near.setblocking(False)
            unsent, received = memoryview(sent), 0
            while received < len(sent):
                if unsent:
                    unsent = unsent[near.send(unsent[:100_000]) :]
                received += len(far.recv(1 << 20))
            near_port = near.getsockname()[1]
    assert capture.dropped == capture.gaps == 0
    assert capture.streams[near_port, port] == sent
    assert SECRET in capture


@pytest.mark.anyio
async def test_a_link_shows_neither_plaintext_nor_who_speaks(loopback_capture):
    small, large = SECRET, SECRET * 30_000
    echoed = []

    async def echo(link):
        for _ in range(2):
            await link.send(await link.receive())

    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve, BOB, Roster(MESH), echo)
        with loopback_capture({port}) as capture:
            link = await dial(ALICE, Roster(MESH), BOB.peer_id, f"127.0.0.1:{port}")
            for data in (small, large):
                await link.send(data)
                echoed.append(await link.receive())
            await link.aclose()
        nursery.cancel_scope.cancel()
    assert echoed == [small, large]
    assert capture.dropped == capture.gaps == 0
    # Everything was seen: both directions, byte for byte as counted (the far side's close may come later).
    assert capture.total >= link.bytes_sent + link.bytes_received
    for start in range(len(SECRET) - 16):
        assert SECRET[start : start + 16] not in capture
    for public in (ALICE.static_key, BOB.static_key, ALICE.peer_id.encode(), BOB.peer_id.encode()):
        assert public not in capture
