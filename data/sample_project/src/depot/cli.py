"""The command `depot`: what an order costs, with tax and postage."""

import argparse
from datetime import date
from decimal import Decimal

from depot.billing import bill
from depot.catalog import PriceList, Product
from depot.common.money import Money
from depot.common.numbering import Numbering
from depot.orders.cart import Cart
from depot.shipping import Carrier, cheapest, pack
from depot.shipping.rates import RateTable

PRODUCTS = (
    Product("MUG", "Mug", Money.of("8.90"), 350),
    Product("TEA", "Tea, 250 g", Money.of("6.40"), 260, "reduced"),
    Product("POT", "Teapot", Money.of("39.00"), 1450),
)
CARRIERS = (
    Carrier("Post", RateTable({2000: Money.of("4.99"), 10_000: Money.of("8.49")}, Money.of("6.00"))),
    Carrier("Bike", RateTable({3000: Money.of("3.50")}, Money.of("20.00")), most=3000),
)


def quote(wanted: "dict[str, int]", country: str = "DE") -> "list[str]":
    """Lines that say what an order costs."""
    cart = Cart(PriceList(PRODUCTS, ((1, Decimal(0)), (10, Decimal("0.05")))))
    for sku, quantity in wanted.items():
        cart.add(sku, quantity)
    order = cart.checkout(Numbering("Q").next(), "a customer")
    invoice = bill(order, "quote", date(2024, 3, 1), country)
    lines = [f"{line.quantity:3} x {line.product.name:12} {line.amount}" for line in order.lines]
    for parcel in pack((line.product.sku, line.product.weight, line.quantity) for line in order.lines):
        carrier = cheapest(CARRIERS, parcel, country)
        price = carrier.rates.price(parcel, country) if carrier else "nobody takes it"
        lines.append(f"parcel of {parcel.weight} g: {carrier.name if carrier else '-'} {price}")
    return [*lines, f"net {invoice.net}, gross {invoice.gross}"]


def main(arguments=None) -> None:
    parser = argparse.ArgumentParser(prog="depot", description="What an order costs.")
    parser.add_argument("wanted", nargs="+", metavar="SKU=QUANTITY")
    parser.add_argument("--country", default="DE")
    options = parser.parse_args(arguments)
    wanted = {sku: int(quantity or 1) for sku, _, quantity in (each.partition("=") for each in options.wanted)}
    print("\n".join(quote(wanted, options.country)))


if __name__ == "__main__":
    main()
