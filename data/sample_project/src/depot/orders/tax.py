"""Value added tax."""

from collections import defaultdict
from decimal import Decimal

REDUCED = Decimal("0.07")


def standard_rate(country: str = "DE") -> Decimal:
    return {"DE": Decimal("0.19"), "FR": Decimal("0.20"), "LU": Decimal("0.17")}.get(country, Decimal("0.21"))


def rate(tax_class: str, country: str = "DE") -> Decimal:
    rates = {"standard": standard_rate(country), "reduced": REDUCED, "zero": Decimal(0)}
    try:
        return rates[tax_class]
    except KeyError:
        raise ValueError(f"no tax class {tax_class!r}; there are {', '.join(rates)}") from None


def tax_by_rate(amounts, country: str = "DE"):
    """Tax by rate. amounts: (tax class, net amount of money)."""
    nets = defaultdict(list)
    for tax_class, amount in amounts:
        nets[rate(tax_class, country)].append(amount)
    return {each: sum(rest, first) * each for each, (first, *rest) in sorted(nets.items())}
