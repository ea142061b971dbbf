"""Products."""

from dataclasses import dataclass

from depot.common.money import Money

__all__ = ["Product", "UnknownProduct", "index"]


class UnknownProduct(KeyError):
    """A stock keeping unit that is not in the catalogue."""


@dataclass(frozen=True)
class Product:
    """Something that is sold by the piece. weight: in grams. tax_class: standard, reduced or zero."""

    sku: str
    name: str
    price: Money
    weight: int = 0
    tax_class: str = "standard"


def index(products) -> "dict[str, Product]":
    """Products by their stock keeping unit; one that comes twice is an error."""
    found = {}
    for product in products:
        if product.sku in found:
            raise ValueError(f"{product.sku} is in the catalogue twice")
        found[product.sku] = product
    return found
