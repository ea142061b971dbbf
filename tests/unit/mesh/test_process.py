"""Which membership a member's process goes by, what it keeps, and what it may hold."""

import resource
from pathlib import Path

import pytest
import trio
import trio.testing

from strata.mesh import keep_known, newest_membership, open_roster, write_membership
from strata.mesh.process import FILES, SAVE_SECONDS, allow_files
from strata.secure import X25519, EchKey, Identity, Membership, MembershipError, open_sealed

OWNER = Identity.generate()
FIRST = Membership.found(OWNER)
SECOND = FIRST.with_member(OWNER.card, "owner")


def written(path: Path, membership: Membership, owner: Identity = OWNER) -> Path:
    write_membership(path, membership.seal(owner))
    return path


def newest(given: Path, seen: Path) -> Membership:
    membership, sealed = newest_membership(given, seen)
    assert open_sealed(sealed) == membership
    return membership


@pytest.mark.parametrize(("given", "seen"), [(FIRST, SECOND), (SECOND, FIRST)])
def test_the_newer_one_counts_whoever_has_it(tmp_path: Path, given: Membership, seen: Membership):
    assert newest(written(tmp_path / "given", given), written(tmp_path / "seen", seen)) == SECOND


def test_what_was_never_seen_or_is_damaged_does_not_count(tmp_path: Path):
    given = written(tmp_path / "given", FIRST)
    assert newest(given, tmp_path / "seen") == FIRST
    (tmp_path / "seen").write_bytes(b"nonsense")
    assert newest(given, tmp_path / "seen") == FIRST


def test_of_a_mesh_that_was_left_nothing_stays(tmp_path: Path):
    other = Identity.generate()
    for owner in (OWNER, other):
        left = written(tmp_path / "seen", Membership.found(owner), owner)
        assert newest(written(tmp_path / f"given {owner.peer_id}", FIRST), left) == FIRST
        assert not left.exists()


def test_without_a_membership_there_is_no_member(tmp_path: Path):
    with pytest.raises(MembershipError, match="cannot read"):
        newest(tmp_path / "given", tmp_path / "seen")


def test_what_a_process_learns_of_hellos_is_kept_soon_and_at_its_end(tmp_path: Path, monkeypatch):
    first, second = (EchKey.generate(0.0, X25519, number).config for number in range(2))

    async def learn() -> None:
        roster = open_roster(FIRST, tmp_path)
        assert not roster.require_ech
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keep_known, roster)
            roster.learn("one", [first])
            await trio.sleep(2 * SAVE_SECONDS)
            assert open_roster(FIRST, tmp_path).ech_config("one") == first
            roster.learn("one", [second])
            nursery.cancel_scope.cancel()

    trio.run(learn, clock=trio.testing.MockClock(autojump_threshold=0.1))
    monkeypatch.setenv("STRATA_REQUIRE_ECH", "true")
    again = open_roster(FIRST, tmp_path)
    assert (again.ech_config("one"), again.require_ech) == (second, True)


def test_a_process_may_hold_as_many_connections_as_a_listener_takes():
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (256, before[1]))
        allow_files()
        soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
        assert hard == before[1]
        assert soft == (FILES if hard == resource.RLIM_INFINITY else min(FILES, hard))
        allow_files()
        assert resource.getrlimit(resource.RLIMIT_NOFILE) == (soft, hard)
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, before)
