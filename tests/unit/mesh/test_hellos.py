"""How links begin: with GREASE at first, then with hellos that are opened; and links through a front."""

import os
import socket
from contextlib import asynccontextmanager, suppress

import pytest
import trio
import trio.testing

from strata.mesh import EchRequired, Link, LinkClosed, Roster, Unreachable, dial, serve
from strata.mesh.front import LINGER_SECONDS, Front
from strata.secure import ChannelError, EchKeys, HandshakeFailed, Identity, KnownConfigs, NotAMember, ReplayCache
from tests.support.channels import ALICE, BOB, OUTSIDER
from tests.support.hellos import CAROL, FRONTED, Clock, dialling, listener

NAMES = {identity.peer_id: name for identity, name in ((ALICE, "alice"), (BOB, "bob"), (CAROL, "carol"))}


class House:
    """Listeners that echo, in one nursery; what each has seen of its links."""

    def __init__(self, nursery: trio.Nursery) -> None:
        self.nursery = nursery
        self.membership = FRONTED
        self.seen: dict[str, list[tuple[str, bool]]] = {"bob": [], "carol": []}
        self.rosters: dict[str, Roster] = {}
        self.scopes: dict[str, trio.CancelScope] = {}

    async def listen(self, identity: Identity, port: int = 0, **options) -> str:
        name = NAMES[identity.peer_id]
        roster = self.rosters[name] = Roster(self.membership)
        scope = self.scopes[name] = trio.CancelScope()

        async def echo(link: Link) -> None:
            self.seen[name].append((link.peer.name, link.hello_opened))
            while True:
                await link.send(await link.receive())

        async def run(task_status):
            with scope:
                await serve(identity, roster, echo, port=port, task_status=task_status, **options)

        port = await self.nursery.start(run)
        self.membership = self.membership.with_member(identity.card, name, [f"127.0.0.1:{port}"])
        return f"127.0.0.1:{port}"

    def roster(self) -> Roster:
        """A roster that knows where all listen."""
        return Roster(self.membership)

    def fronted(self) -> Roster:
        """The same, with Bob as Carol's front."""
        addresses = ["@bob", *self.membership.named("carol").addresses]
        self.membership = self.membership.with_member(CAROL.card, "carol", addresses)
        return self.roster()

    async def front(self) -> Roster:
        """Carol, and Bob as her front; a roster that knows nothing but where they are."""
        await self.listen(CAROL)
        await self.listen(BOB, fronting=True)
        return self.roster()


@asynccontextmanager
async def house():
    with trio.fail_after(30):
        async with trio.open_nursery() as nursery:
            yield House(nursery)
            nursery.cancel_scope.cancel()


async def exchange(link: Link, data: bytes = b"are you there?") -> None:
    await link.send(data)
    assert await link.receive() == data


@pytest.mark.anyio
async def test_the_first_dial_is_grease_and_later_ones_are_true():
    async with house() as mesh:
        await mesh.listen(BOB)
        roster = mesh.roster()
        for _ in range(3):
            link = await dial(ALICE, roster, BOB.peer_id)
            await exchange(link)
            await link.aclose()
        assert mesh.seen["bob"] == [("alice", False), ("alice", True), ("alice", True)]
        assert link.hello_opened


@pytest.mark.anyio
async def test_where_ech_is_required_nothing_else_is_sent():
    async with house() as mesh:
        with socket.create_server(("127.0.0.1", 0)) as silent:
            silent.setblocking(False)
            address = f"127.0.0.1:{silent.getsockname()[1]}"
            with pytest.raises(EchRequired, match="bob"):
                await dial(ALICE, mesh.roster(), BOB.peer_id, address, require_ech=True)
            with pytest.raises(BlockingIOError):  # nobody came
                silent.accept()
        await mesh.listen(BOB)
        roster = mesh.roster()
        await (await dial(ALICE, roster, BOB.peer_id)).aclose()
        await exchange(await dial(ALICE, roster, BOB.peer_id, require_ech=True))
        assert mesh.seen["bob"][-1] == ("alice", True)


@pytest.mark.anyio
async def test_a_roster_may_demand_it_of_every_dial(tmp_path):
    async with house() as mesh:
        await mesh.front()
        for peer, front in ((BOB, None), (CAROL, BOB.peer_id)):
            with pytest.raises(EchRequired, match=r"bob .* dial it once without"):
                await dial(ALICE, Roster(mesh.membership, require_ech=True), peer.peer_id, front=front)
        assert mesh.seen == {"bob": [], "carol": []}
        known = KnownConfigs(tmp_path / "known")
        await (await dial(ALICE, Roster(mesh.membership, known), BOB.peer_id)).aclose()
        known.save()
        demanding = Roster(mesh.membership, KnownConfigs(tmp_path / "known"), require_ech=True)
        await exchange(await dial(ALICE, demanding, BOB.peer_id))
        await exchange(await dial(ALICE, demanding, CAROL.peer_id, front=BOB.peer_id))
        assert mesh.seen["bob"] == [("alice", False), ("alice", True)]


@pytest.mark.anyio
async def test_of_several_fronts_one_whose_config_is_known_is_enough(tmp_path):
    async with house() as mesh:
        await mesh.front()
        mesh.membership = mesh.membership.with_member(OUTSIDER.card, "new", ["127.0.0.1:1"])
        addresses = ["@new", "@bob", *mesh.membership.named("carol").addresses]
        mesh.membership = mesh.membership.with_member(CAROL.card, "carol", addresses)
        roster = mesh.roster()
        await (await dial(ALICE, roster, BOB.peer_id)).aclose()
        roster.require_ech = True
        await exchange(await dial(ALICE, roster, CAROL.peer_id))


@pytest.mark.anyio
async def test_a_restarted_dialler_begins_with_true_hellos(tmp_path):
    async with house() as mesh:
        await mesh.listen(BOB)
        for _ in range(2):
            roster = Roster(mesh.membership, KnownConfigs(tmp_path / "known"))
            await (await dial(ALICE, roster, BOB.peer_id)).aclose()
            roster.known.save()
        assert mesh.seen["bob"] == [("alice", False), ("alice", True)]


@pytest.mark.anyio
@pytest.mark.parametrize("require_ech", [False, True])
async def test_a_listener_with_new_keys_is_dialled_again_with_what_it_offers(require_ech):
    async with house() as mesh:
        keys = EchKeys()
        await mesh.listen(BOB, keys=keys)
        roster = mesh.roster()
        await (await dial(ALICE, roster, BOB.peer_id)).aclose()
        for _ in range(8):
            keys.rotate()
        link = await dial(ALICE, roster, BOB.peer_id, require_ech=require_ech)
        await exchange(link)
        assert link.hello_opened
        assert roster.ech_config(BOB.peer_id) == keys.current[0].config


@pytest.mark.anyio
async def test_a_listener_that_offers_nothing_usable_is_not_dialled_where_ech_is_required(monkeypatch):
    async with house() as mesh:
        keys = EchKeys()
        await mesh.listen(BOB, keys=keys)
        roster = mesh.roster()
        await (await dial(ALICE, roster, BOB.peer_id)).aclose()
        for _ in range(8):
            keys.rotate()
        unusable = b"\0\4\xaa\xaa\0\0"  # a version that nobody knows
        monkeypatch.setattr(keys, "config_list", lambda: unusable)
        with pytest.raises(EchRequired, match="no ECH config of bob"):
            await dial(ALICE, roster, BOB.peer_id, require_ech=True)
        link = await dial(ALICE, roster, BOB.peer_id)  # else it is dialled as one of which nothing is known
        assert not link.hello_opened


@pytest.mark.anyio
async def test_an_impostor_at_the_address_teaches_nothing():
    async with house() as mesh:
        address = await mesh.listen(CAROL)
        roster = mesh.roster()
        with pytest.raises(ChannelError):
            await dial(ALICE, roster, BOB.peer_id, address)
        assert roster.ech_config(BOB.peer_id) is None
        assert roster.ech_config(CAROL.peer_id) is None


@pytest.mark.anyio
async def test_what_is_known_of_a_member_goes_with_it():
    async with house() as mesh:
        await mesh.listen(BOB)
        roster = mesh.roster()
        await (await dial(ALICE, roster, BOB.peer_id)).aclose()
        roster.update(roster.membership.with_member(OUTSIDER.card, "new").seal(ALICE))
        assert roster.ech_config(BOB.peer_id) is not None
        roster.update(roster.membership.without(BOB.peer_id).seal(ALICE))
        assert roster.ech_config(BOB.peer_id) is None


# Through a front


@pytest.mark.anyio
async def test_a_member_is_reached_through_a_front_end_to_end():
    async with house() as mesh:
        roster = await mesh.front()
        for _ in range(2):
            link = await dial(ALICE, roster, CAROL.peer_id, front=BOB.peer_id)
            assert link.peer.name == "carol"
            assert link.hello_opened
            for size in (0, 1, 100_000, 3 << 20):
                await exchange(link, os.urandom(size))
            await link.aclose()
        # Bob was asked for his config; Carol was asked for hers by Bob, and then served Alice.
        assert mesh.seen["bob"] == [("alice", False)]
        assert mesh.seen["carol"] == [("bob", False), ("alice", True), ("alice", True)]


@pytest.mark.anyio
async def test_a_front_is_a_member_like_others_too():
    async with house() as mesh:
        roster = await mesh.front()
        for _ in range(2):
            await exchange(await dial(ALICE, roster, BOB.peer_id))
        assert mesh.seen["bob"] == [("alice", False), ("alice", True)]


@pytest.mark.anyio
async def test_the_membership_says_through_whom_a_member_is_dialled():
    async with house() as mesh:
        await mesh.front()
        roster = mesh.fronted()
        await exchange(await dial(ALICE, roster, CAROL.peer_id))
        assert mesh.seen["carol"] == [("bob", False), ("alice", True)]
        await exchange(await dial(BOB, roster, CAROL.peer_id))  # her front dials her past itself
        assert mesh.seen["carol"][-1] == ("bob", True)
        mesh.scopes["bob"].cancel()
        with pytest.raises(Unreachable, match="bob"):  # and not past it, though her own address is listed
            await dial(ALICE, mesh.fronted(), CAROL.peer_id)


@pytest.mark.anyio
async def test_one_of_several_fronts_is_enough():
    async with house() as mesh:
        await mesh.front()
        mesh.membership = mesh.membership.with_member(OUTSIDER.card, "gone", ["127.0.0.1:1"])
        addresses = ["@gone", "@bob", *mesh.membership.named("carol").addresses]
        mesh.membership = mesh.membership.with_member(CAROL.card, "carol", addresses)
        link = await dial(ALICE, mesh.roster(), CAROL.peer_id)
        await exchange(link)
        assert mesh.seen["bob"] == [("alice", False)]


@pytest.mark.anyio
async def test_links_through_a_front_do_not_disturb_each_other():
    async with house() as mesh:
        roster = await mesh.front()
        await (await dial(ALICE, roster, BOB.peer_id)).aclose()
        links = [await dial(ALICE, roster, CAROL.peer_id, front=BOB.peer_id) for _ in range(8)]
        async with trio.open_nursery() as nursery:
            for number, link in enumerate(links):
                nursery.start_soon(exchange, link, bytes([number]) * 300_000)
        await links[0].aclose()
        await exchange(links[1])


@pytest.mark.anyio
async def test_an_end_on_either_side_arrives_on_the_other():
    async with house() as mesh:
        roster = await mesh.front()
        link = await dial(ALICE, roster, CAROL.peer_id, front=BOB.peer_id)
        mesh.scopes["carol"].cancel()
        with pytest.raises((LinkClosed, ChannelError)):
            await link.receive()


@pytest.mark.anyio
@pytest.mark.parametrize("demanding", [False, True])
async def test_a_target_with_new_keys_is_asked_for_them_by_the_front(demanding):
    async with house() as mesh:
        keys = EchKeys()
        await mesh.listen(CAROL, keys=keys)
        await mesh.listen(BOB, fronting=True)
        roster = mesh.roster()
        await (await dial(ALICE, roster, CAROL.peer_id, front=BOB.peer_id)).aclose()
        mesh.rosters["bob"].require_ech = demanding
        for _ in range(8):
            keys.rotate()
        await exchange(await dial(ALICE, roster, CAROL.peer_id, front=BOB.peer_id))
        assert mesh.rosters["bob"].ech_config(CAROL.peer_id) == keys.current[0].config


@pytest.mark.anyio
async def test_a_target_that_is_gone_costs_the_front_nothing():
    async with house() as mesh:
        roster = await mesh.front()
        mesh.scopes["carol"].cancel()
        with pytest.raises(ChannelError):
            await dial(ALICE, roster, CAROL.peer_id, front=BOB.peer_id)
        await exchange(await dial(ALICE, roster, BOB.peer_id))


@pytest.mark.anyio
async def test_who_is_no_front_passes_nothing_on():
    async with house() as mesh:
        await mesh.listen(CAROL)
        await mesh.listen(BOB)
        with pytest.raises(ChannelError):
            await dial(ALICE, mesh.roster(), CAROL.peer_id, front=BOB.peer_id)
        assert mesh.seen["carol"] == []


@pytest.mark.anyio
async def test_a_front_passes_nothing_on_to_who_is_no_member():
    async with house() as mesh:
        roster = await mesh.front()
        mesh.rosters["bob"].update(mesh.membership.without(CAROL.peer_id).seal(ALICE))
        with pytest.raises(ChannelError):
            await dial(ALICE, roster, CAROL.peer_id, front=BOB.peer_id)
        assert mesh.seen["carol"] == []
        with pytest.raises(NotAMember):
            await dial(ALICE, roster, OUTSIDER.peer_id, front=BOB.peer_id)


@pytest.mark.anyio
async def test_a_front_passes_on_a_hello_once(monkeypatch):
    first = []
    send_all = Link._send_all

    async def noted(self, data):
        first.append(bytes(data))
        await send_all(self, data)

    async with house() as mesh:
        roster = await mesh.front()
        await (await dial(ALICE, roster, BOB.peer_id)).aclose()
        with monkeypatch.context() as patched:
            patched.setattr(Link, "_send_all", noted)
            await (await dial(ALICE, roster, CAROL.peer_id, front=BOB.peer_id)).aclose()
        before = len(mesh.seen["carol"])
        hello = next(each for each in first if len(each) == 1401 and each[:2] == b"\xfe\x0d")
        stream = await trio.open_tcp_stream("127.0.0.1", int(roster.membership.named("bob").addresses[0].split(":")[1]))
        await stream.send_all(hello)
        with suppress(trio.BrokenResourceError):
            assert await stream.receive_some(100) == b""
        assert len(mesh.seen["carol"]) == before


@pytest.mark.anyio
async def test_the_places_of_a_front_are_bounded():
    front = Front(BOB, Roster(FRONTED), most=0)
    clock = Clock()
    keys = EchKeys(clock=clock)
    first = dialling(keys.current[0].config, clock, CAROL, front=BOB).outgoing()
    read = listener(keys, ReplayCache(clock=clock)).read(first[:9], first[9:])
    with pytest.raises(HandshakeFailed, match="all places"):
        await front.reach(read.opened)
    with pytest.raises(Unreachable, match="no address"):
        await Front(BOB, Roster(FRONTED)).reach(read.opened)


def test_who_does_not_end_when_the_other_has_keeps_its_place_no_longer_than_that():
    async def main() -> None:
        near, dialler = trio.testing.memory_stream_pair()
        far, target = trio.testing.memory_stream_pair()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Front(BOB, Roster(FRONTED)).join, near, far, b"answer")
            await target.send_all(b" and farewell")
            await target.send_eof()
            await trio.sleep(LINGER_SECONDS / 2)
            await dialler.send_all(b"what was on its way")
            assert await target.receive_some() == b"what was on its way"
        assert await dialler.receive_some() == b"answer and farewell"
        assert trio.current_time() - began == LINGER_SECONDS

    clock = trio.testing.MockClock(autojump_threshold=0)
    began = clock.current_time()
    trio.run(main, clock=clock)
