"""One who dials reaches members over links and over libp2p, as the membership lists them."""

from functools import partial

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import Coordinator, Direct, Either, Kind, Libp2p, Link, Roster, Unreachable
from strata.mesh.agent.place import transport_at
from strata.mesh.services import AGENT
from strata.secure import Membership
from tests.support.agents import COORDINATOR, agents_of, identity_of

pytestmark = pytest.mark.anyio

ALONE = Membership.found(COORDINATOR).with_member(COORDINATOR.card, "boss", (), ("coordinator",))
LIBP2P = "/ip4/127.0.0.1/tcp/0"


async def greet(connection) -> None:
    await connection.send(b"hello")


@pytest.fixture
async def served():
    """Where somebody serves, by name: "a" over links, "b" over libp2p, "c" over both."""
    where: dict[str, list[str]] = {"a": [], "b": [], "c": []}
    mesh = ALONE
    for name in where:
        mesh = mesh.with_member(identity_of(name).card, name)
    async with trio.open_nursery() as nursery:
        for name, transports in (("a", [Direct]), ("b", [Libp2p]), ("c", [Direct, Libp2p])):
            for kind in transports:
                extra = () if kind is Direct else ((LIBP2P,),)
                transport = kind(identity_of(name), Roster(mesh), *extra)
                where[name].append(
                    await nursery.start(
                        lambda *, task_status, on=transport: on.serve({AGENT: greet}, task_status=task_status)
                    )
                )
        yield where
        nursery.cancel_scope.cancel()


def mesh_of(where) -> Membership:
    mesh = ALONE
    for name, addresses in where.items():
        mesh = mesh.with_member(identity_of(name).card, name, addresses)
    return mesh


async def said(transport, name: str) -> bytes:
    connection = await transport.dial(identity_of(name).peer_id, 5)
    heard = bytes(await connection.receive())
    await connection.aclose()
    return heard


async def test_each_member_is_reached_where_it_listens(served):
    transport = Either(COORDINATOR, Roster(mesh_of(served)))
    async with transport.opened():
        for name in served:
            assert await said(transport, name) == b"hello"


async def test_where_a_link_fails_libp2p_is_tried(served):
    nobody = "127.0.0.1:1"
    transport = Either(COORDINATOR, Roster(mesh_of({"b": [nobody, *served["b"]], "c": served["b"]})))
    async with transport.opened():
        assert await said(transport, "b") == b"hello"
        with pytest.raises(Unreachable):  # somebody else is there
            await said(transport, "c")


async def test_no_host_is_opened_where_all_take_links(served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("strata.mesh.transport.members.open_host", None)
    transport = Either(COORDINATOR, Roster(mesh_of({"a": served["a"], "c": served["c"]})))
    async with transport.opened():
        assert await said(transport, "c") == b"hello"
    lost = Either(COORDINATOR, Roster(mesh_of({"a": ["127.0.0.1:1", *served["b"]]})))
    async with lost.opened():
        with pytest.raises(Unreachable):
            await said(lost, "a")


@pytest.mark.parametrize("enhanced", [True, False])
async def test_the_flag_says_which_way_to_who_can_be_reached_both_ways(
    served, monkeypatch: pytest.MonkeyPatch, enhanced: bool
):
    """Read for each connection: the same transport takes the other way from one dial to the next."""
    monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT", "false")
    transport = Either(COORDINATOR, Roster(mesh_of(served)))
    async with transport.opened():
        monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT", str(enhanced))
        for name, is_link in (("a", True), ("b", False), ("c", enhanced)):
            connection = await transport.dial(identity_of(name).peer_id, 5)
            assert isinstance(connection, Link) is is_link
            assert bytes(await connection.receive()) == b"hello"
            assert connection.bytes_received > 0
            connection.kind = Kind.SHARDS
            assert connection.kind is Kind.SHARDS
            await connection.aclose()


async def test_where_the_ordinary_way_fails_a_link_is_taken(served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT", "false")
    transport = Either(COORDINATOR, Roster(mesh_of({"a": [*served["a"], "/ip4/127.0.0.1/tcp/1"]})))
    async with transport.opened():
        assert await said(transport, "a") == b"hello"


async def test_who_wants_no_member_by_libp2p_alone_opens_no_host_for_it(served, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("strata.mesh.transport.members.open_host", None)
    transport = Either(COORDINATOR, Roster(mesh_of(served)), everybody=False)
    async with transport.opened():
        assert await said(transport, "a") == b"hello"
        with pytest.raises(Unreachable):
            await said(transport, "b")


async def test_who_serves_over_both_is_reached_either_way(monkeypatch: pytest.MonkeyPatch):
    own, roster = identity_of("a"), Roster(ALONE.with_member(identity_of("a").card, "a"))
    libp2p = Libp2p(own, roster, (LIBP2P,))
    transport = Either(own, roster, direct=Direct(own, roster), libp2p=libp2p)
    async with trio.open_nursery() as nursery:
        link = await nursery.start(partial(transport.serve, {AGENT: greet}))
        (multiaddr,) = map(str, libp2p._running.get_transport_addrs())
        mesh = mesh_of({"a": [link, multiaddr]})
        for flag in ("true", "false"):
            monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT", flag)
            dialling = Either(COORDINATOR, Roster(mesh))
            async with dialling.opened():
                assert await said(dialling, "a") == b"hello"
        nursery.cancel_scope.cancel()


async def test_a_coordinator_sees_a_mesh_of_either_kind():
    async with agents_of(["a", "b"], over="libp2p") as agents:
        found = await Coordinator(COORDINATOR, agents.roster.membership).discover()
        assert (tuple(found.states), dict(found.silent)) == (("a", "b"), {})


async def test_where_a_member_listens_says_what_carries_its_connections():
    roster = Roster(ALONE)
    for place, kind, form in (
        (("127.0.0.1", 0), Direct, "127.0.0.1:"),
        (LIBP2P, Libp2p, "/ip4/127.0.0.1/tcp/"),
    ):
        transport = transport_at(place, COORDINATOR, roster, fronting=True, relaying=True)
        assert isinstance(transport, kind)
        async with trio.open_nursery() as nursery:
            address = await nursery.start(partial(transport.serve, {AGENT: greet}))
            assert address.startswith(form)
            nursery.cancel_scope.cancel()
