"""Orders that wait for goods, first come first served."""

from collections import deque

from depot.inventory import reservations


class Backorders:
    """What reservations could not promise."""

    def __init__(self, source: "reservations.Reservations") -> None:
        if not isinstance(source, reservations.Reservations):
            raise TypeError("backorders wait for reservations")
        self._source = source
        self._queue: deque[tuple[str, str, int]] = deque()

    def add(self, order: str, sku: str, quantity: int) -> None:
        self._queue.append((order, sku, quantity))

    def missing(self, sku: str) -> int:
        return sum(quantity for _, wanted, quantity in self._queue if wanted == sku)

    def retry(self) -> "list[str]":
        """After a delivery: try again in order; the orders that got everything they waited for."""
        waiting, self._queue = self._queue, deque()
        return [order for order, sku, quantity in waiting if self._source.reserve(order, sku, quantity) == quantity]
