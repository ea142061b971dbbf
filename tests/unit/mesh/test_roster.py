"""Which memberships a node takes, and what its file may become."""

import pytest

from strata.mesh import Roster, edit_membership, read_membership, write_membership
from strata.secure import Identity, Membership, MembershipError
from tests.support.channels import ALICE, BOB, MESH, OUTSIDER

NEWER = MESH.with_member(OUTSIDER.card, "carol")
BAD = {
    "the same version": MESH.seal(ALICE),
    "an older version": Membership(MESH.mesh_id, MESH.owner_peer_id, 1).seal(ALICE),
    "another owner": Membership(MESH.mesh_id, BOB.peer_id, 99, MESH.members).seal(BOB),
    "another mesh": Membership("00" * 16, MESH.owner_peer_id, 99).seal(ALICE),
    "changed bytes": NEWER.seal(ALICE)[:-2] + b"9}",
    "garbage": b"garbage",
}


def test_a_newer_membership_of_the_owner_is_taken():
    roster, calls = Roster(MESH), []
    watcher = lambda: calls.append(roster.membership.version)  # noqa: E731
    roster.watch(watcher)
    assert roster.update(NEWER.seal(ALICE)) == NEWER == roster.membership
    roster.unwatch(watcher)
    roster.update(NEWER.without(OUTSIDER.peer_id).seal(ALICE))
    assert calls == [NEWER.version]


@pytest.mark.parametrize("sealed", BAD.values(), ids=BAD.keys())
def test_anything_else_is_refused_and_changes_nothing(sealed, tmp_path):
    roster, path = Roster(MESH), tmp_path / "mesh"
    with pytest.raises(MembershipError):
        roster.update(sealed)
    assert roster.membership is MESH
    write_membership(path, MESH.seal(ALICE))
    with pytest.raises(MembershipError):
        write_membership(path, sealed)
    assert read_membership(path, ALICE.peer_id) == MESH


def test_a_file_takes_newer_versions(tmp_path):
    path = tmp_path / "deep" / "mesh"
    write_membership(path, MESH.seal(ALICE))
    write_membership(path, NEWER.seal(ALICE))
    assert read_membership(path) == NEWER


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(MembershipError, match="cannot read the membership"):
        read_membership(tmp_path / "mesh")


def test_an_edit_that_fails_leaves_the_file_as_it_was(tmp_path):
    path = tmp_path / "mesh"
    write_membership(path, MESH.seal(ALICE))
    before = path.read_bytes()
    with pytest.raises(MembershipError, match="belongs to"):
        edit_membership(path, BOB, lambda membership: membership.without(ALICE.peer_id))
    assert path.read_bytes() == before


def test_edits_by_many_processes_are_all_kept(tmp_path):
    import multiprocessing

    path = tmp_path / "mesh"
    write_membership(path, MESH.seal(ALICE))
    context = multiprocessing.get_context("fork")
    cards = [Identity.generate().card for _ in range(8)]
    processes = [
        context.Process(
            target=edit_membership, args=(path, ALICE, lambda old, card=card: old.with_member(card, card.peer_id[-8:]))
        )
        for card in cards
    ]
    for process in processes:
        process.start()
    for process in processes:
        process.join()
        assert process.exitcode == 0
    membership = read_membership(path)
    assert membership.version == MESH.version + 8
    assert {card.peer_id for card in cards} < {member.peer_id for member in membership.members}
