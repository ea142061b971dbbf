"""How many pieces lie where: a ledger of movements."""

from collections import defaultdict
from dataclasses import dataclass


class OutOfStock(Exception):
    """More was asked for than is there."""


@dataclass(frozen=True)
class Movement:
    """Pieces that came (positive) or went (negative), and why."""

    sku: str
    quantity: int
    reason: str


class StockLedger:
    """Movements and the levels that follow from them; a level is never below zero."""

    def __init__(self) -> None:
        self._levels = defaultdict(int)
        self.movements: list[Movement] = []

    def book(self, sku: str, quantity: int, reason: str) -> Movement:
        if self._levels[sku] + quantity < 0:
            raise OutOfStock(f"{sku}: {-quantity} wanted, {self._levels[sku]} there")
        movement = Movement(sku, quantity, reason)
        self._levels[sku] += quantity
        self.movements.append(movement)
        return movement

    def level(self, sku: str) -> int:
        return self._levels[sku]

    def skus(self) -> list[str]:
        return sorted(sku for sku, level in self._levels.items() if level)
