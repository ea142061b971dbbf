"""The warehouse: bins with a ledger each."""

from depot.catalog.stock import OutOfStock, StockLedger


class Warehouse:
    """Bins by name; goods are taken from the fullest bin first."""

    def __init__(self, bins=("A",)) -> None:
        self.bins = {name: StockLedger() for name in bins}

    def receive(self, sku: str, quantity: int, bin: str = "A") -> None:
        if quantity < 1:
            raise ValueError("a delivery has at least one piece")
        self.bins[bin].book(sku, quantity, "delivery")

    def on_hand(self, sku: str) -> int:
        return sum(ledger.level(sku) for ledger in self.bins.values())

    def pick(self, sku: str, quantity: int) -> "list[tuple[str, int]]":
        """Take pieces out; which bin gave how many. Nothing is taken when there are too few."""
        if self.on_hand(sku) < quantity:
            raise OutOfStock(f"{sku}: {quantity} wanted, {self.on_hand(sku)} there")
        picked = []
        for name, ledger in sorted(self.bins.items(), key=lambda item: -item[1].level(sku)):
            taken = min(quantity, ledger.level(sku))
            if taken:
                ledger.book(sku, -taken, "picked")
                picked.append((name, taken))
                quantity -= taken
        return picked
