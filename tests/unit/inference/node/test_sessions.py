import pytest
from hypothesis import given
from hypothesis import strategies as st

from strata.inference.node.sessions import SessionTable
from strata.memory import OutOfBudget


def test_there_is_room_until_the_budget_is_used_up() -> None:
    table: SessionTable[str] = SessionTable(dead_seconds=10)
    assert table.make_room(60, 100, now=0) == []
    table.add("a", "alice", 60, "A", now=0)
    with pytest.raises(OutOfBudget) as error:
        table.make_room(50, 100, now=1)
    assert error.value.missing_bytes == 10
    assert table.make_room(40, 100, now=1) == []


def test_dead_sessions_make_room_longest_idle_first_and_no_more_than_needed() -> None:
    table: SessionTable[str] = SessionTable(dead_seconds=10)
    for name, used in [("newer", 2), ("oldest", 0), ("old", 1)]:
        table.add(name, "alice", 30, name, now=used)
    assert table.make_room(40, 100, now=20) == ["oldest"]
    assert table.make_room(70, 100, now=20) == ["oldest", "old"]


def test_a_session_in_use_is_never_evicted() -> None:
    table: SessionTable[str] = SessionTable(dead_seconds=10)
    table.add("a", "alice", 80, "A", now=0)
    table.touch("a", now=15)
    with pytest.raises(OutOfBudget):
        table.make_room(50, 100, now=20)
    assert table.make_room(50, 100, now=25) == ["a"]


def test_a_session_belongs_to_who_opened_it() -> None:
    table: SessionTable[str] = SessionTable()
    table.add("a", "alice", 1, "A", now=0)
    table.add("b", "bob", 1, "B", now=0)
    assert table.owned_by("bob") == ["b"]
    assert table.remove("b") == "B"
    assert table.remove("b") is None
    assert (table.get("a"), table.get("b"), len(table), list(table)) == ("A", None, 1, ["a"])


@given(
    st.lists(st.tuples(st.integers(0, 100), st.integers(0, 100)), max_size=8),
    st.integers(0, 300),
    st.integers(0, 300),
)
def test_after_the_eviction_it_fits_and_one_victim_fewer_would_not_do(
    sessions: list[tuple[int, int]], wanted: int, budget: int
) -> None:
    table: SessionTable[int] = SessionTable(dead_seconds=50)
    for index, (nbytes, used) in enumerate(sessions):
        table.add(str(index), 0, nbytes, index, now=used)
    alive = sum(nbytes for nbytes, used in sessions if used > 50)
    if alive + wanted > budget:
        with pytest.raises(OutOfBudget) as error:
            table.make_room(wanted, budget, now=100)
        assert error.value.missing_bytes == wanted + alive - budget
        return
    victims = table.make_room(wanted, budget, now=100)
    assert all(sessions[int(victim)][1] <= 50 for victim in victims)
    freed = [sessions[int(victim)][0] for victim in victims]
    assert table.nbytes - sum(freed) + wanted <= budget
    assert not victims or table.nbytes - sum(freed[:-1]) + wanted > budget
