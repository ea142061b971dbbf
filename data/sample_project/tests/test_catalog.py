from decimal import Decimal

import pytest

from depot import catalog
from depot.common.money import CurrencyMismatch, Money, total


@pytest.mark.parametrize(("quantity", "cents"), [(1, 890), (9, 890), (10, 846), (100, 846)])
def test_prices_fall_with_the_quantity(prices, quantity, cents):
    assert prices.price("MUG", quantity).cents == cents


def test_an_unknown_product_and_a_quantity_of_nothing_are_errors(prices):
    with pytest.raises(catalog.UnknownProduct):
        prices.price("JUG")
    with pytest.raises(ValueError, match="below one"):
        prices.price("MUG", 0)


def test_a_product_is_in_the_index_once(products):
    assert set(catalog.index(products)) == {"MUG", "TEA", "POT"}
    with pytest.raises(ValueError, match="twice"):
        catalog.index([*products, products[0]])


@pytest.mark.parametrize(("amount", "cents"), [("1", 100), ("0.005", 0), ("0.015", 2), ("-2.5", -250)])
def test_money_is_rounded_to_the_even_cent(amount, cents):
    assert Money.of(amount).cents == cents


def test_money_of_two_currencies_does_not_mix():
    with pytest.raises(CurrencyMismatch):
        Money(1) + Money(1, "USD")
    assert total([Money(1), Money(2)]) == Money(3)
    assert Money(101) * Decimal("0.5") == Money(50)
