"""The way of an order: placed, shipped, cancelled."""

from ..billing.discounts import best_of
from ..inventory.reservations import Reservations
from .order import Order

STEPS = {"open": {"placed", "cancelled"}, "placed": {"shipped", "cancelled"}, "shipped": set(), "cancelled": set()}


class WrongStep(Exception):
    """An order cannot go from its state to that one."""


def advance(order: Order, state: str) -> Order:
    if state not in STEPS[order.state]:
        raise WrongStep(f"{order.number} is {order.state} and cannot be {state}")
    order.state = state
    return order


def place(order: Order, reservations: Reservations) -> "dict[str, int]":
    """Promise goods to an order; what is missing by stock keeping unit. Of several discounts the best one stays."""
    chosen = best_of(order.goods, order.discounts)
    order.discounts = [chosen] if chosen else []
    advance(order, "placed")
    missing = {}
    for line in order.lines:
        lacking = line.quantity - reservations.reserve(order.number, line.product.sku, line.quantity)
        if lacking:
            missing[line.product.sku] = lacking
    return missing


def ship(order: Order, reservations: Reservations) -> Order:
    """Pick everything; an order that waits for goods cannot be shipped."""
    for line in order.lines:
        if reservations.promised(order.number, line.product.sku) < line.quantity:
            raise WrongStep(f"{order.number} waits for {line.product.sku}")
    for line in order.lines:
        reservations.fulfil(order.number, line.product.sku)
    return advance(order, "shipped")
