"""The account of a node's bytes against a plain table of promises."""

import pytest
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule

from strata.errors import StrataError
from strata.memory import Account, OutOfBudget


def test_what_is_missing_is_named_and_nothing_changes() -> None:
    account = Account(100)
    account.set("weights", "shard", 60)
    account.set("cache", "s1", 30)
    with pytest.raises(OutOfBudget, match="cache of 45 bytes for 's1' need 5 bytes more") as caught:
        account.add("cache", "s1", 15)
    assert isinstance(caught.value, StrataError)
    assert (caught.value.category, caught.value.owner, caught.value.missing_bytes) == ("cache", "s1", 5)
    assert (account.get("cache", "s1"), account.free, account.over) == (30, 10, 0)
    account.add("cache", "s1", 10)
    assert account.free == 0


def test_a_runtime_that_outgrows_the_budget_stops_promises_but_not_giving_back() -> None:
    account = Account(100)
    account.set("weights", "shard", 60)
    account.set("cache", "s1", 20)
    account.measure(110)
    assert (account.used, account.free, account.over) == (110, 0, 10)
    with pytest.raises(OutOfBudget) as caught:
        account.set("cache", "s2", 1)
    assert caught.value.missing_bytes == 11
    account.set("cache", "s1", 15)
    assert account.over == 5
    assert account.release("s1") == 15
    assert (account.free, account.over) == (10, 0)


def test_promises_that_are_not_filled_yet_are_no_runtime() -> None:
    account = Account(100)
    account.set("cache", "s1", 50)
    account.measure(20)
    assert account.used == 50


def test_the_breakdown_sums_to_what_is_used_and_ranks_the_owners() -> None:
    account = Account(100)
    account.set("cache", "s1", 10)
    account.set("cache", "s2", 25)
    account.set("workspace", "s1", 20)
    account.measure(62)
    found = account.breakdown()
    assert dict(found.categories) == {"weights": 0, "cache": 35, "workspace": 20, "runtime": 7}
    assert list(found.owners.items()) == [("s1", 30), ("s2", 25)]
    account.release("s1")
    assert found.owners["s1"] == 30  # as of then


def test_what_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="budget"):
        Account(-1)
    account = Account(10)
    with pytest.raises(ValueError, match="-1 bytes"):
        account.add("cache", "s1", -1)
    with pytest.raises(ValueError, match="process"):
        account.measure(-1)


class AccountAgainstATable(RuleBasedStateMachine):
    categories = st.sampled_from(["weights", "cache", "workspace"])
    owners = st.sampled_from("abc")

    def __init__(self) -> None:
        super().__init__()
        self.account, self.table, self.runtime = Account(100), {}, 0

    @rule(category=categories, owner=owners, nbytes=st.integers(0, 70))
    def set(self, category: str, owner: str, nbytes: int) -> None:
        before = self.table.get((category, owner), 0)
        total = sum(self.table.values()) + self.runtime + nbytes - before
        if nbytes > before and total > 100:
            with pytest.raises(OutOfBudget) as caught:
                self.account.set(category, owner, nbytes)
            assert caught.value.missing_bytes == total - 100
        else:
            self.account.set(category, owner, nbytes)
            self.table[category, owner] = nbytes

    @rule(owner=owners)
    def release(self, owner: str) -> None:
        mine = [key for key in self.table if key[1] == owner]
        assert self.account.release(owner) == sum(self.table.pop(key) for key in mine)

    @rule(resident=st.integers(0, 150))
    def measure(self, resident: int) -> None:
        self.account.measure(resident)
        self.runtime = max(0, resident - sum(self.table.values()))

    @invariant()
    def sums_agree(self) -> None:
        used = sum(self.table.values()) + self.runtime
        assert (self.account.used, self.account.free) == (used, max(0, 100 - used))
        assert self.account.over == max(0, used - 100)
        found = self.account.breakdown()
        assert sum(found.categories.values()) == used
        assert sum(found.owners.values()) == used - self.runtime


TestAccountAgainstATable = AccountAgainstATable.TestCase
