"""Credit notes: goods that came back."""

from dataclasses import dataclass

from depot.orders import tax

from .invoice import Invoice


@dataclass(frozen=True)
class CreditNote:
    """What is given back of an invoice, tax included."""

    number: str
    invoice: str
    amount: object


def credit(invoice: Invoice, number: str, lines, country: str = "DE") -> CreditNote:
    """Give back lines; never more than was billed."""
    amount = invoice.net * 0
    for line in lines:
        amount = amount + line.amount * (1 + tax.rate(line.product.tax_class, country))
    if invoice.gross < amount:
        raise ValueError(f"{invoice.number} was {invoice.gross}, {amount} is more")
    return CreditNote(number, invoice.number, amount)
