"""Links between real sockets on loopback."""

import pytest
import trio

from strata.mesh import Link, LinkClosed, Roster, dial, serve
from strata.secure import Identity, Membership

pytestmark = pytest.mark.anyio


def mesh_of(owner: Identity, **identities: Identity) -> Membership:
    membership = Membership.found(owner)
    for name, identity in identities.items():
        membership = membership.with_member(identity.card, name)
    return membership


async def echo(link: Link) -> None:
    while True:
        await link.send(await link.receive())


async def test_member_connects_and_records_arrive_whole():
    owner, alice, bob = Identity.generate(), Identity.generate(), Identity.generate()
    roster = Roster(mesh_of(owner, alice=alice, bob=bob))
    async with trio.open_nursery() as nursery:
        port = await nursery.start(serve, bob, roster, echo)
        link = await dial(alice, roster, bob.peer_id, f"127.0.0.1:{port}")
        assert link.peer.name == "bob"
        for size in (0, 1, 8192, 65519, 65520, 1 << 20, 4 << 20):
            data = bytes(range(256)) * (size // 256) + b"x" * (size % 256)
            await link.send(data[: size // 3], data[size // 3 :])
            assert await link.receive() == data
        await link.aclose()
        with pytest.raises(LinkClosed):
            await link.receive()
        nursery.cancel_scope.cancel()
