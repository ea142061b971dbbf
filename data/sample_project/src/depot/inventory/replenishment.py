"""What has to be ordered from suppliers, and how many of it."""

from dataclasses import dataclass
from math import ceil

from ..catalog.stock import StockLedger


@dataclass(frozen=True)
class Policy:
    """Order when fewer than `minimum` are there, up to `target`, in boxes of `box`."""

    minimum: int
    target: int
    box: int = 1


def suggestions(ledger: StockLedger, policies: "dict[str, Policy]") -> "dict[str, int]":
    """Pieces to order by stock keeping unit, whole boxes only."""
    found = {}
    for sku, policy in sorted(policies.items()):
        level = ledger.level(sku)
        if level < policy.minimum:
            found[sku] = ceil((policy.target - level) / policy.box) * policy.box
    return found


def turnover(ledger: StockLedger, sku: str) -> int:
    """Pieces that left, all time."""
    return -sum(move.quantity for move in ledger.movements if move.sku == sku and move.quantity < 0)
