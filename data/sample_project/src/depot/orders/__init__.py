"""Carts, orders and what becomes of them."""

from depot.billing.discounts import Discount

from .order import Order, OrderLine
