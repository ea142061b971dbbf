from decimal import Decimal

import pytest

from depot.common.money import Money
from depot.inventory.reservations import Reservations
from depot.orders import Discount, Order, OrderLine, workflow
from depot.orders.cart import Cart


@pytest.fixture
def order(products):
    return Order("O-1", "Ada", [OrderLine(product, 2, product.price) for product in products])


def test_an_order_has_amounts_and_a_weight(order):
    assert order.goods == Money.of("108.60")
    assert order.net == order.goods
    assert order.weight == 4120


@pytest.mark.parametrize(("share", "least", "net"), [("0.1", 0, 9774), ("0.1", 20_000, 10_860), ("2", 0, 0)])
def test_discounts_are_taken_off_from_a_least_amount_on(order, share, least, net):
    order.discounts = [Discount("spring", Decimal(share), Money(least))]
    assert order.net.cents == net


def test_the_best_offer_of_a_cart_is_taken(prices):
    cart = Cart(prices)
    cart.add("MUG", 12)
    cart.add("TEA")
    cart.add("TEA", -1)
    cart.offer(Discount("spring", Decimal("0.1")))
    cart.offer(Discount("summer", Decimal("0.2")))
    order = cart.checkout("O-1", "Ada")
    assert [line.product.sku for line in order.lines] == ["MUG"]
    assert [discount.name for discount in order.discounts] == ["summer"]


def test_an_empty_cart_is_no_order(prices):
    with pytest.raises(ValueError, match="empty"):
        Cart(prices).checkout("O-1", "Ada")


def test_an_order_is_placed_and_shipped(order, warehouse):
    promised = Reservations(warehouse)
    assert workflow.place(order, promised) == {}
    assert workflow.ship(order, promised).state == "shipped"
    assert warehouse.on_hand("MUG") == 10
    with pytest.raises(workflow.WrongStep):
        workflow.advance(order, "cancelled")


def test_an_order_that_waits_is_not_shipped(products, warehouse):
    promised = Reservations(warehouse)
    order = Order("O-1", "Ada", [OrderLine(products[0], 20, products[0].price)])
    assert workflow.place(order, promised) == {"MUG": 8}
    with pytest.raises(workflow.WrongStep, match="waits for MUG"):
        workflow.ship(order, promised)


@pytest.mark.parametrize("state", ["shipped", "open"])
def test_an_open_order_goes_no_other_way(order, state):
    with pytest.raises(workflow.WrongStep):
        workflow.advance(order, state)
