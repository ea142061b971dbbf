"""What every part of the business counts in."""

from .money import CurrencyMismatch, Money, total
