"""What is taken off an order."""

from dataclasses import dataclass
from decimal import Decimal

from depot.common.money import Money


@dataclass(frozen=True)
class Discount:
    """A share off, from a least amount of goods on."""

    name: str
    share: Decimal
    least: Money = Money(0)

    def off(self, goods: Money) -> Money:
        return goods * self.share if not goods < self.least else Money(0, goods.currency)


def apply(goods: Money, discounts) -> Money:
    """What is left; never less than nothing."""
    left = goods
    for discount in discounts:
        left = left - discount.off(goods)
    return max(left, Money(0, goods.currency), key=lambda amount: amount.cents)


def best_of(goods: Money, discounts) -> "Discount | None":
    """The discount that takes most off; None where none takes anything."""
    found = max(discounts, key=lambda discount: discount.off(goods).cents, default=None)
    return found if found is not None and found.off(goods).cents else None
