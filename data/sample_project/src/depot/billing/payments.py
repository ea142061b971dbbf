"""What customers have paid, and what they still owe."""

from depot.billing.exchange import convert

from .invoice import Invoice


class Accounts:
    """Invoices and payments by number; a payment in another currency is converted."""

    def __init__(self) -> None:
        self.invoices: dict[str, Invoice] = {}
        self._paid = {}

    def open(self, invoice: Invoice) -> None:
        if invoice.number in self.invoices:
            raise ValueError(f"{invoice.number} is there already")
        self.invoices[invoice.number] = invoice
        self._paid[invoice.number] = invoice.gross * 0

    def pay(self, number: str, amount):
        """Book a payment; what is still owed."""
        self._paid[number] += convert(amount, self.invoices[number].gross.currency)
        return self.owed(number)

    def owed(self, number: str):
        return self.invoices[number].gross - self._paid[number]
