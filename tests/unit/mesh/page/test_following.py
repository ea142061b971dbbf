"""A roster goes by its file."""

from pathlib import Path

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import Roster, edit_membership, write_membership
from strata.mesh.page.following import follow, take_newest
from strata.secure import Identity, Membership
from tests.support.hosts import run

OWNER, PHONE = Identity.generate(), Identity.generate()


def test_what_the_owner_changes_is_taken(tmp_path: Path) -> None:
    async def test() -> None:
        file = tmp_path / "mesh"
        roster = Roster(write_membership(file, Membership.found(OWNER).seal(OWNER)))
        versions, told = trio.open_memory_channel[int](4)
        roster.watch(lambda: versions.send_nowait(roster.membership.version))
        async with trio.open_nursery() as nursery:
            nursery.start_soon(lambda: follow(roster, file, every=0.01))
            for name in ("phone", "tablet"):  # the second when it has looked already
                edit_membership(file, OWNER, lambda known, name=name: known.with_member(PHONE.card, name))
                await told.receive()
                assert roster.membership.named(name).peer_id == PHONE.peer_id
            nursery.cancel_scope.cancel()

    run(test)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        (None, "cannot read the membership"),
        (b"nonsense", "not a membership file"),
        (Membership.found(PHONE).seal(PHONE), "not by the mesh owner"),
        (Membership.found(OWNER).with_member(PHONE.card, "phone").seal(OWNER), "the membership of another mesh"),
    ],
    ids=["none", "nonsense", "another owner", "another mesh"],
)
def test_a_file_that_cannot_be_taken_is_left_for_the_next_one(tmp_path: Path, caplog, content, said) -> None:
    file, old = tmp_path / "mesh", Membership.found(OWNER)
    roster = Roster(old)
    if content is not None:
        file.write_bytes(content)
    run(lambda: take_newest(roster, file))
    assert said in caplog.text
    assert roster.membership is old
    new = old.with_member(PHONE.card, "phone")
    file.write_bytes(new.seal(OWNER))
    run(lambda: take_newest(roster, file))
    assert roster.membership == new


def test_a_file_that_is_no_newer_is_none_of_its_business(tmp_path: Path, caplog) -> None:
    file, old = tmp_path / "mesh", Membership.found(OWNER)
    roster = Roster(old.with_member(PHONE.card, "phone"))
    newest = roster.membership
    file.write_bytes(old.seal(OWNER))
    run(lambda: take_newest(roster, file))
    assert roster.membership is newest
    assert not caplog.records
