"""Several services behind one listener: the dialler names the one it wants."""

import pytest
import trio
import trio.testing

from strata.mesh import AGENT, INFERENCE, Link, LinkClosed, Roster, dial, offering, serve, services
from tests.support.channels import ALICE, BOB, MESH

pytestmark = pytest.mark.anyio


def naming(name: str):
    async def handle(link: Link) -> None:
        await link.send(name.encode(), b" ", await link.receive())

    return handle


@pytest.fixture
async def address():
    async with trio.open_nursery() as nursery:
        both = offering({AGENT: naming("agent"), INFERENCE: naming("inference")})
        port = await nursery.start(serve, BOB, Roster(MESH), both)
        yield f"127.0.0.1:{port}"
        nursery.cancel_scope.cancel()


async def dialled(address: str, service: str | None) -> Link:
    return await dial(ALICE, Roster(MESH), BOB.peer_id, address, service=service)


@pytest.mark.parametrize(("service", "name"), [(AGENT, "agent"), (INFERENCE, "inference")])
async def test_each_service_gets_its_links(address, service, name):
    link = await dialled(address, service)
    await link.send(b"hello")
    assert bytes(await link.receive()) == f"{name} hello".encode()
    await link.aclose()


@pytest.mark.parametrize("service", ["/strata/other/1", "", AGENT + "/", "é", "x" * 100_000])
async def test_what_is_not_offered_ends_the_link(address, service):
    link = await dialled(address, service)
    with pytest.raises(LinkClosed):
        await link.receive()


async def test_who_names_nothing_is_hung_up_on(address, monkeypatch):
    monkeypatch.setattr(services, "NAME_SECONDS", 0.05)
    link = await dialled(address, None)
    with pytest.raises(LinkClosed):
        await link.receive()


async def test_a_link_that_ends_before_it_names_anything_harms_no_other(address):
    await (await dialled(address, None)).aclose()
    await test_each_service_gets_its_links(address, AGENT, "agent")
