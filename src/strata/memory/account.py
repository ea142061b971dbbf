"""An account of one node's bytes: what is promised to whom, against a budget.

Three categories are promised, per owner: weights, the KV cache of a session, workspace. The fourth, runtime, is the
rest of what the process holds; it is measured, not promised, so it can take the account over its budget. No tensors and
no clock; one thread at a time.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Literal, get_args

from strata.errors import StrataError

Promised = Literal["weights", "cache", "workspace"]
Category = Literal["weights", "cache", "workspace", "runtime"]


class OutOfBudget(StrataError):
    """The budget does not hold what was asked for in a category by an owner: `missing_bytes` are lacking."""

    def __init__(self, category: Promised, owner: str, nbytes: int, missing_bytes: int) -> None:
        super().__init__(
            f"{category} of {nbytes:,} bytes for {owner!r} need {missing_bytes:,} bytes more than the budget has free"
        )
        self.category, self.owner = category, owner
        self.nbytes, self.missing_bytes = nbytes, missing_bytes


@dataclass(frozen=True)
class Breakdown:
    """Bytes by category, which sum to what is used; promised bytes by owner, largest first; the budget."""

    budget: int
    categories: Mapping[Category, int]
    owners: Mapping[str, int]


class Account:
    """Bytes used of `budget` bytes. Raises ValueError for a budget below 0."""

    def __init__(self, budget: int) -> None:
        if budget < 0:
            raise ValueError("a budget is 0 bytes or more")
        self.budget = budget
        self._promised: dict[Promised, dict[str, int]] = {category: {} for category in get_args(Promised)}
        self._runtime = 0

    @property
    def promised(self) -> int:
        """Bytes of all owners in all categories but runtime."""
        return sum(sum(owners.values()) for owners in self._promised.values())

    @property
    def used(self) -> int:
        """Bytes promised, and the runtime's."""
        return self.promised + self._runtime

    @property
    def free(self) -> int:
        """Bytes that can still be promised; 0 when the account is over its budget."""
        return max(0, self.budget - self.used)

    @property
    def over(self) -> int:
        """Bytes used above the budget; 0 when it holds."""
        return max(0, self.used - self.budget)

    def get(self, category: Promised, owner: str) -> int:
        """Bytes promised to an owner in a category."""
        return self._promised[category].get(owner, 0)

    def set(self, category: Promised, owner: str, nbytes: int) -> None:
        """Promise an owner `nbytes` in a category, in place of what it had there.

        Raises OutOfBudget for more than it had when the budget does not hold it, ValueError below 0; nothing changes
        then. Less than it had is always taken.
        """
        if nbytes < 0:
            raise ValueError(f"{category} of {owner!r} would be {nbytes} bytes")
        more = nbytes - self.get(category, owner)
        missing = self.used + more - self.budget
        if more > 0 and missing > 0:
            raise OutOfBudget(category, owner, nbytes, missing)
        if nbytes:
            self._promised[category][owner] = nbytes
        else:
            self._promised[category].pop(owner, None)

    def add(self, category: Promised, owner: str, nbytes: int) -> None:
        """Promise an owner `nbytes` more in a category, or less where it is negative; raises as `set` does."""
        self.set(category, owner, self.get(category, owner) + nbytes)

    def release(self, owner: str) -> int:
        """Take back all that was promised to an owner; returns its bytes."""
        return sum(owners.pop(owner, 0) for owners in self._promised.values())

    def measure(self, resident_bytes: int) -> None:
        """Note what the process holds in all: what is beyond the promises is the runtime's.

        While a promise is not filled yet, such as an empty cache, this makes the runtime smaller than it is. Raises
        ValueError below 0.
        """
        if resident_bytes < 0:
            raise ValueError("a process holds 0 bytes or more")
        self._runtime = max(0, resident_bytes - self.promised)

    def breakdown(self) -> Breakdown:
        """Who has what, as of now."""
        categories: dict[Category, int] = {
            category: sum(owners.values()) for category, owners in self._promised.items()
        }
        categories["runtime"] = self._runtime
        owners: dict[str, int] = {}
        for held in self._promised.values():
            for owner, nbytes in held.items():
                owners[owner] = owners.get(owner, 0) + nbytes
        ranked = dict(sorted(owners.items(), key=lambda item: (-item[1], item[0])))
        return Breakdown(self.budget, MappingProxyType(categories), MappingProxyType(ranked))
