"""Who may be at a listener, and who goes when there is no room."""

from contextlib import ExitStack
from functools import partial

import pytest

from strata.mesh.crowd import Comer, Pending, Places, TooManyConnections
from tests.support.channels import ALICE, BOB, MESH

ALICE_HERE, BOB_HERE = (MESH.member(each.peer_id) for each in (ALICE, BOB))


def comers(*hosts: str, known: bool = False) -> list[Comer]:
    found = [Comer(host, lambda: None) for host in hosts]
    for each in found:
        each.known = known
    return found


def gone(pending: Pending, *all_of_them: Comer) -> list[int]:
    """Have them come in turn; which of them had to go."""
    dropped = []
    with ExitStack() as stack:
        for at, each in enumerate(all_of_them):
            each.drop = partial(dropped.append, at)
            stack.enter_context(pending.holding(each))
        return sorted(dropped)


def test_the_oldest_goes_and_no_more_than_must() -> None:
    pending = Pending(3)
    assert gone(pending, *comers(*["10.0.0.1"] * 5)) == [0, 1]
    assert len(pending) == 0
    assert gone(pending, *comers(*["10.0.0.1"] * 3)) == []


def test_a_flood_drives_out_itself_and_nobody_from_elsewhere() -> None:
    guest, *flood = comers("10.0.0.1", *["10.0.0.2"] * 20)
    assert gone(Pending(4), guest, *flood) == list(range(1, 18))


def test_a_flood_of_those_who_know_the_key_does_so_too() -> None:
    flood = comers(*["10.0.0.2"] * 4, known=True)
    assert gone(Pending(4), *flood, *comers("10.0.0.1")) == [0]


def test_who_has_shown_nothing_goes_first() -> None:
    """From the same address: behind one gateway, say."""
    (member,), flood = comers("10.0.0.1", known=True), comers(*["10.0.0.1"] * 20)
    assert 0 not in gone(Pending(4), member, *flood)


@pytest.mark.parametrize(
    ("other", "same"),
    [("2001:db8::ffff:1", True), ("2001:db8:0:1::1", False), ("::ffff:10.0.0.2", False), ("fe80::1%eth0", False)],
)
def test_an_address_stands_for_what_one_machine_may_have(other: str, same: bool) -> None:
    assert (comers("2001:db8::1")[0].origin == comers(other)[0].origin) == same
    mapped, plain = comers("::ffff:10.0.0.2", "10.0.0.2")
    assert mapped.origin == plain.origin


def test_a_member_has_its_share_of_the_places_and_no_more() -> None:
    places = Places(4, 2)
    with places.taking(ALICE_HERE), places.taking(BOB_HERE):
        with (
            places.taking(ALICE_HERE),
            pytest.raises(TooManyConnections, match="alice has 2"),
            places.taking(ALICE_HERE),
        ):
            pass
        with places.taking(ALICE_HERE), places.taking(BOB_HERE):
            pass


def test_places_are_bounded_in_all_and_given_back() -> None:
    places = Places(2, 2)
    for _ in range(3):
        with (
            places.taking(ALICE_HERE),
            places.taking(ALICE_HERE),
            pytest.raises(TooManyConnections, match="all 2 places"),
            places.taking(BOB_HERE),
        ):
            pass
        with places.taking(BOB_HERE):
            pass
