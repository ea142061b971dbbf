"""Amounts of money: exact, and of one currency."""

from dataclasses import dataclass
from decimal import ROUND_HALF_EVEN, Decimal


class CurrencyMismatch(ValueError):
    """Two amounts of different currencies were added or compared."""


@dataclass(frozen=True, order=False)
class Money:
    """An amount in a currency, kept in cents."""

    cents: int
    currency: str = "EUR"

    @classmethod
    def of(cls, amount: "str | Decimal", currency: str = "EUR") -> "Money":
        cents = (Decimal(amount) * 100).quantize(Decimal(1), ROUND_HALF_EVEN)
        return cls(int(cents), currency)

    def _same(self, other: "Money") -> None:
        if self.currency != other.currency:
            raise CurrencyMismatch(f"{self} and {other}")

    def __add__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.cents + other.cents, self.currency)

    def __sub__(self, other: "Money") -> "Money":
        self._same(other)
        return Money(self.cents - other.cents, self.currency)

    def __mul__(self, factor: "int | Decimal") -> "Money":
        cents = (Decimal(self.cents) * factor).quantize(Decimal(1), ROUND_HALF_EVEN)
        return Money(int(cents), self.currency)

    def __lt__(self, other: "Money") -> bool:
        self._same(other)
        return self.cents < other.cents

    def __str__(self) -> str:
        return f"{Decimal(self.cents) / 100:.2f} {self.currency}"


def total(amounts, currency: str = "EUR") -> Money:
    """The sum of amounts; nothing is zero."""
    result = Money(0, currency)
    for amount in amounts:
        result = result + amount
    return result
