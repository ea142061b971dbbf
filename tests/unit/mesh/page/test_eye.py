"""What is shown of a mesh of real agents, and of made-up ones."""

import json
from pathlib import Path

import pytest
import trio
import trio.testing

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import Change, Device, MeshEye, MeshView, Moment, Network, Peer, Quality, Roster
from strata.mesh.page.view import MAX_LINKS
from strata.mesh.sweep import TOPOLOGY, Coordinator, Discovery, MemberState, NotACoordinator, Sweep
from strata.secure import BROWSER, Identity, Membership
from strata.settings import Settings
from tests.support.agents import COORDINATOR, agents_of, identity_of
from tests.support.hosts import run

PHONE, TABLET = Identity.generate(), Identity.generate()


def settings(folder: Path) -> Settings:
    return Settings(STRATA_HOME=folder, STRATA_LEDGER_URL=f"sqlite:///{folder}/ledger.sqlite")


@pytest.mark.parametrize("over", ["direct", "libp2p"])
def test_it_sees_who_lives_and_what_is_linked(tmp_path: Path, over: str) -> None:
    async def test() -> None:
        async with agents_of(3, over=over) as agents:
            eye = MeshEye(COORDINATOR, agents.roster, settings(tmp_path), fresh_seconds=0)
            coordinator = Coordinator(COORDINATOR, agents.roster.membership, transport=agents.transport)
            await coordinator.apply(change(("m00", "m01"), ("m01", "m02")))
            seen = (await eye.look()).to_json()
            assert seen["sentence"] == "3 of 3 members live, 2 links: the loss of m01 would cut it"
            assert {member["name"]: member["state"] for member in seen["members"]} == {
                "boss": "unknown", "m00": "alive", "m01": "weak", "m02": "alive"
            }  # fmt: skip
            assert [link["ends"] for link in seen["links"]] == [["m00", "m01"], ["m01", "m02"]]
            assert all(link["rtt_seconds"] > 0 and link["weak"] for link in seen["links"])
            await agents.kill("m02")
            seen = (await eye.look()).to_json()
            assert {"name": "m02", "roles": ["node"], "state": "dead", "links": 0, "rtt_seconds": None} in seen[
                "members"
            ]

    run(test)


def test_it_looks_again_only_when_its_look_is_old(tmp_path: Path) -> None:
    async def test() -> None:
        async with agents_of(1) as agents:
            eye = MeshEye(COORDINATOR, agents.roster, settings(tmp_path), fresh_seconds=3600)
            views: list[MeshView] = []

            async def look() -> None:
                views.append(await eye.look())

            async with trio.open_nursery() as nursery:
                for _ in range(3):
                    nursery.start_soon(look)
            await look()
            assert all(view is views[0] for view in views)

    run(test)


def test_who_is_no_coordinator_sees_nothing(tmp_path: Path) -> None:
    membership = Membership.found(COORDINATOR).with_member(identity_of("m00").card, "m00")
    with pytest.raises(NotACoordinator, match="m00 is not a coordinator"):
        MeshEye(identity_of("m00"), Roster(membership), settings(tmp_path))


def change(*add):
    return Change(add=tuple(add))


def view_of(network: Network, discovery: Discovery, membership: Membership, past=()) -> MeshView:
    return MeshView(membership, Sweep(1, discovery, {}, network, TOPOLOGY.diagnose(network), 0.1), past)


def test_browsers_are_here_or_away_and_the_uptime_is_that_of_the_sweeps(tmp_path: Path) -> None:
    membership = (
        Membership.found(COORDINATOR)
        .with_member(PHONE.card, "phone", (), (BROWSER,))
        .with_member(TABLET.card, "tablet", (), (BROWSER,))
        .with_member(identity_of("m00").card, "m00")
    )
    discovery = Discovery(12.5, ("m00",), {}, {"m00": "no answer"}, {"m00": ("m01",)})
    moment = Moment.of(Sweep(1, discovery, {}, Network({}, {}), TOPOLOGY.diagnose(Network({}, {})), 0.1))
    view = view_of(Network({"m00": Peer("m00")}, {}), discovery, membership, (moment,))
    seen = view.to_json({PHONE.peer_id})
    assert {member["name"]: member["state"] for member in seen["members"]} == {
        "phone": "here", "tablet": "away", "m00": "silent"
    }  # fmt: skip
    assert seen["at"] == 12.5
    assert seen["uptime"] == {"share": moment.reach, "sweeps": 1}


def test_what_is_shown_of_a_large_mesh_is_bounded_and_has_the_weak_links() -> None:
    names = [f"m{number:03}" for number in range(80)]
    links = {(one, other): Quality(0.01) for at, one in enumerate(names) for other in names[at + 1 :]}
    links[("m079", "z")] = Quality(0.02)
    peers = {name: Peer(name, Device.SERVER) for name in [*names, "z"]}
    states = {name: MemberState(name) for name in peers}
    view = view_of(Network(peers, links), Discovery(0.0, tuple(peers), states), Membership.found(COORDINATOR))
    seen = view.to_json()
    assert (len(seen["links"]), seen["links_in_all"]) == (MAX_LINKS, len(links))
    assert seen["links"][0] == {"ends": ["m079", "z"], "rtt_seconds": 0.02, "weak": True}
    assert len(json.dumps(seen)) < 1 << 20
