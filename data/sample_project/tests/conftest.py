"""Products, prices and a full warehouse for the tests."""

from decimal import Decimal

import pytest

from depot.catalog import PriceList, Product
from depot.common.money import Money
from depot.inventory import Warehouse


@pytest.fixture
def products():
    return (
        Product("MUG", "Mug", Money.of("8.90"), 350),
        Product("TEA", "Tea", Money.of("6.40"), 260, "reduced"),
        Product("POT", "Teapot", Money.of("39.00"), 1450),
    )


@pytest.fixture
def prices(products):
    return PriceList(products, ((1, Decimal(0)), (10, Decimal("0.05"))))


@pytest.fixture
def warehouse(products):
    found = Warehouse(("A", "B"))
    for product in products:
        found.receive(product.sku, 8, "A")
        found.receive(product.sku, 4, "B")
    return found
