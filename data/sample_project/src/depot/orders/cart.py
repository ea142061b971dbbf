"""A cart: what a customer may still change."""

from depot.billing.discounts import Discount, best_of
from depot.catalog import PriceList

from .order import Order, OrderLine


class Cart:
    """Quantities by stock keeping unit; prices are looked up when it becomes an order."""

    def __init__(self, prices: PriceList) -> None:
        self._prices = prices
        self._quantities: dict[str, int] = {}
        self._offers: list[Discount] = []

    def add(self, sku: str, quantity: int = 1) -> None:
        self._prices.product(sku)
        self._quantities[sku] = self._quantities.get(sku, 0) + quantity
        if self._quantities[sku] <= 0:
            del self._quantities[sku]

    def offer(self, discount: Discount) -> None:
        self._offers.append(discount)

    def checkout(self, number: str, customer: str) -> Order:
        """An order with the one offer that takes most off."""
        if not self._quantities:
            raise ValueError("the cart is empty")
        lines = [
            OrderLine(self._prices.product(sku), quantity, self._prices.price(sku, quantity))
            for sku, quantity in sorted(self._quantities.items())
        ]
        order = Order(number, customer, lines)
        chosen = best_of(order.goods, self._offers)
        return Order(number, customer, lines, [chosen] if chosen else [])
