"""Formulas, rounds, clocks and the outbox."""

import random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.mesh.members.gossip import Outbox
from strata.mesh.members.messages import State, Update, encode_update
from strata.mesh.members.probing import AwakeClock, Rounds
from strata.mesh.members.suspicion import Suspicion
from strata.mesh.members.timing import LAN


def test_the_formulas_are_those_of_memberlist():
    """Values that memberlist's own tests state (util_test.go: suspicionTimeout, retransmitLimit, pushPullScale)."""
    seconds = {5: 1.0, 10: 1.0, 50: 1.698_666, 100: 2.0, 500: 2.698_666, 1000: 3.0}
    for members, expected in seconds.items():
        assert LAN.suspicion_floor(members) / LAN.suspicion_mult == pytest.approx(expected, abs=0.001)
    assert [LAN.retransmit_limit(n) for n in (0, 1, 99, 999)] == [0, 4, 8, 12]
    assert [LAN.sync_every(n) / LAN.sync_interval for n in (1, 32, 33, 64, 65, 128)] == [1, 1, 2, 2, 3, 3]
    assert [LAN.confirmations(n) for n in (2, 3, 4, 50)] == [0, 0, 2, 2]


def test_an_accuser_is_worth_passing_on_once_and_only_while_it_changes_something():
    suspicion = Suspicion(0.0, 50, LAN, "a")
    assert [suspicion.confirm(accuser) for accuser in "aabbcd"] == [False, False, True, False, True, False]
    assert suspicion.deadline == LAN.suspicion_floor(50)


@given(st.integers(1, 30), st.integers(0, 99))
def test_everybody_gets_a_turn_each_round(size, seed):
    rounds = Rounds(random.Random(seed))
    names = [str(each) for each in range(size)]
    for name in names:
        rounds.add(name)
    for _ in range(3):
        assert sorted(rounds.next(lambda peer: True) for _ in names) == sorted(names)


@given(st.lists(st.one_of(st.none(), st.integers(0, 9)), max_size=60), st.integers(0, 99))
def test_nobody_is_asked_twice_before_a_newcomer_or_not_at_all(steps, seed):
    rounds, present, last = Rounds(random.Random(seed)), set(), {}
    for at, step in enumerate(steps):
        if step is None:
            found = rounds.next(lambda peer: peer in present)
            assert (found is None) is (not present)
            last[found] = at
        elif step in present:
            present.discard(step)
        else:
            present.add(step)
            rounds.add(step)
    for _ in range(3):
        asked = {rounds.next(lambda peer: peer in present) for _ in range(2 * len(present) + 60)}
        assert asked >= present


@pytest.mark.parametrize("seed", range(20))
def test_a_newcomer_does_not_bring_others_to_their_turn_twice(seed):
    rounds = Rounds(random.Random(seed))
    for name in "abcdef":
        rounds.add(name)
    for _ in range(6):
        rounds.next(lambda peer: True)
    begun = [rounds.next(lambda peer: True) for _ in range(3)]
    rounds.add("g")
    rest = [rounds.next(lambda peer: True) for _ in range(3)]
    assert not set(begun) & set(rest)


def test_sleep_does_not_count_and_small_delays_do():
    clock = AwakeClock(100.0, nap=0.5)
    assert not clock.advance(101.0, due=101.0)
    assert not clock.advance(102.4, due=102.0)
    assert clock.time == 102.4
    assert clock.advance(1000.0, due=103.0)
    assert clock.time == 103.0
    assert clock.outside(104.0) == 1001.0
    assert not clock.advance(999.0, due=104.0)  # a clock that goes back changes nothing
    assert clock.time == 103.0


@given(
    st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 3)), min_size=1, max_size=60),
    st.integers(1, 5),
    st.integers(0, 80),
)
def test_nothing_is_passed_on_more_often_than_allowed_and_all_is_passed_on(puts, limit, room):
    outbox, taken, current = Outbox(), {}, {}
    for number, (peer, takes) in enumerate(puts):
        update = current[peer] = Update(State.ALIVE, number, peer)
        outbox.put(update)
        for _ in range(takes):
            found = list(outbox.take(room, limit))
            assert sum(len(encode_update(each)) for each in found) <= room
            for each in found:
                assert current[each.peer] is each
                taken[each] = taken.get(each, 0) + 1
    for _ in range(6 * limit):
        for each in outbox.take(1000, limit):
            taken[each] = taken.get(each, 0) + 1
    assert not outbox
    assert all(times <= limit for times in taken.values())
    assert all(taken[each] == limit for each in current.values())
