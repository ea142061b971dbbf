from datetime import date
from decimal import Decimal
from unittest import mock

import pytest

from depot import billing
from depot.billing import credit, payments, statement
from depot.common.money import Money
from depot.orders import Order, OrderLine


@pytest.fixture
def order(products):
    return Order("O-1", "Ada", [OrderLine(product, 2, product.price) for product in products[:2]])


@pytest.fixture
def invoice(order):
    return billing.bill(order, "INV-1", date(2024, 3, 1))


def test_an_invoice_has_tax_by_rate_and_a_due_date(invoice):
    assert invoice.taxes == {Decimal("0.07"): Money(90), Decimal("0.19"): Money(338)}
    assert invoice.gross == Money(3488)
    assert invoice.due == date(2024, 3, 15)


def test_the_standard_rate_is_looked_up_when_a_bill_is_made(order):
    with mock.patch("depot.orders.tax.standard_rate", return_value=Decimal("0.5")) as looked_up:
        invoice = billing.bill(order, "INV-1", date(2024, 3, 1))
    assert invoice.taxes[Decimal("0.5")] == Money(890)
    assert looked_up.called


@pytest.mark.parametrize(("country", "rate"), [("DE", "0.19"), ("FR", "0.20"), ("XX", "0.21")])
def test_rates_differ_by_country(country, rate):
    assert billing.rate("standard", country) == Decimal(rate)


def test_an_unknown_tax_class_is_an_error():
    with pytest.raises(ValueError, match="luxury"):
        billing.rate("luxury")


def test_payments_in_other_currencies_are_converted(invoice):
    accounts = payments.Accounts()
    accounts.open(invoice)
    with mock.patch("depot.billing.exchange.fetch_rate", return_value=Decimal("0.5")):
        assert accounts.pay("INV-1", Money(2000, "USD")) == Money(2488)
    assert accounts.pay("INV-1", Money(2488)) == Money(0)
    with pytest.raises(ValueError, match="already"):
        accounts.open(invoice)


def test_a_statement_lists_what_is_open(invoice):
    accounts = payments.Accounts()
    accounts.open(invoice)
    lines = statement.statement(accounts, "Ada", date(2024, 3, 20))
    assert lines[1] == "INV-1  2024-03-15  34.88 EUR  5 days late"
    accounts.pay("INV-1", invoice.gross)
    assert len(statement.statement(accounts, "Ada", date(2024, 3, 20))) == 2


def test_no_more_is_given_back_than_was_billed(order, invoice):
    note = credit.credit(invoice, "CR-1", order.lines[:1])
    assert note.amount == Money(2118)
    with pytest.raises(ValueError, match="is more"):
        credit.credit(invoice, "CR-2", order.lines * 2)
