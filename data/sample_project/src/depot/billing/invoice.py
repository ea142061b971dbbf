"""Invoices: an order's amounts with tax, and when they are due."""

from dataclasses import dataclass
from datetime import date
from decimal import Decimal

from depot.common.calendar import add_working_days
from depot.common.money import Money, total
from depot.orders.tax import tax_by_rate

DAYS_TO_PAY = 10


@dataclass(frozen=True)
class Invoice:
    """What a customer owes. taxes: by rate."""

    number: str
    customer: str
    net: Money
    taxes: "dict[Decimal, Money]"
    due: date

    @property
    def gross(self) -> Money:
        return self.net + total(self.taxes.values(), self.net.currency)


def bill(order, number: str, day: date, country: str = "DE") -> Invoice:
    """Bill an order; a discount is spread over the lines by their amounts."""
    share = Decimal(order.net.cents) / order.goods.cents if order.goods.cents else Decimal(1)
    amounts = [(line.product.tax_class, line.amount * share) for line in order.lines]
    return Invoice(
        number, order.customer, order.net, tax_by_rate(amounts, country), add_working_days(day, DAYS_TO_PAY)
    )
