"""Pieces that are promised to orders and still lie in the warehouse."""

from collections import defaultdict

from depot.catalog.stock import OutOfStock
from depot.orders import backorders

from .warehouse import Warehouse


class Reservations:
    """What of the warehouse is promised; what it lacks waits as a backorder."""

    def __init__(self, warehouse: Warehouse) -> None:
        self.warehouse = warehouse
        self._promised = defaultdict(dict)
        self.waiting = backorders.Backorders(self)

    def free(self, sku: str) -> int:
        return self.warehouse.on_hand(sku) - sum(self._promised[sku].values())

    def reserve(self, order: str, sku: str, quantity: int) -> int:
        """Promise as many as are free; the rest waits. How many were promised."""
        promised = max(min(quantity, self.free(sku)), 0)
        if promised:
            self._promised[sku][order] = self._promised[sku].get(order, 0) + promised
        if promised < quantity:
            self.waiting.add(order, sku, quantity - promised)
        return promised

    def promised(self, order: str, sku: str) -> int:
        return self._promised[sku].get(order, 0)

    def fulfil(self, order: str, sku: str) -> int:
        """Pick what was promised to an order."""
        quantity = self._promised[sku].pop(order, 0)
        if not quantity:
            raise OutOfStock(f"nothing of {sku} is promised to {order}")
        self.warehouse.pick(sku, quantity)
        return quantity
