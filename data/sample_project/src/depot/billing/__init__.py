"""Invoices, payments and what is taken off."""

from depot.orders.tax import rate

from .invoice import Invoice, bill
