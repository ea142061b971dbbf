"""Prices that fall with the quantity."""

from bisect import bisect_right
from decimal import Decimal

from .product import Product, UnknownProduct


class PriceList:
    """The catalogue's prices, with a share off from given quantities on."""

    def __init__(self, products, tiers=((1, Decimal(0)),)) -> None:
        self._products = {product.sku: product for product in products}
        self._tiers = sorted(tiers)

    def product(self, sku: str) -> Product:
        try:
            return self._products[sku]
        except KeyError:
            raise UnknownProduct(sku) from None

    def price(self, sku: str, quantity: int = 1):
        """Of one piece, when so many are bought."""
        if quantity < 1:
            raise ValueError("nothing is sold in quantities below one")
        at = bisect_right([start for start, _ in self._tiers], quantity) - 1
        off = self._tiers[at][1] if at >= 0 else Decimal(0)
        return self.product(sku).price * (1 - off)
