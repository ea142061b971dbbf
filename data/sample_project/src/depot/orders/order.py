"""An order: lines at the prices of the day, and what is taken off."""

from dataclasses import dataclass, field

from depot.billing import discounts
from depot.catalog.product import Product
from depot.common.money import Money, total


@dataclass(frozen=True)
class OrderLine:
    """So many pieces of a product at a price each."""

    product: Product
    quantity: int
    price: Money

    @property
    def amount(self) -> Money:
        return self.price * self.quantity


@dataclass
class Order:
    """What a customer wants. state: open, placed, shipped or cancelled."""

    number: str
    customer: str
    lines: "list[OrderLine]"
    discounts: "list[discounts.Discount]" = field(default_factory=list)
    state: str = "open"

    @property
    def goods(self) -> Money:
        return total(line.amount for line in self.lines)

    @property
    def net(self) -> Money:
        return discounts.apply(self.goods, self.discounts)

    @property
    def weight(self) -> int:
        return sum(line.product.weight * line.quantity for line in self.lines)
