"""Statements: what a customer owes, and since when. Runs as a script too: `python statement.py` prints the legend."""

try:
    from .exchange import RATES
except ImportError:
    from exchange import RATES

LEGEND = "number      due         owed"


def statement(accounts, customer: str, today) -> "list[str]":
    """Lines of open invoices, the oldest first; overdue ones say for how many days."""
    from depot.common.calendar import overdue_days
    from depot.orders.tax import standard_rate

    lines = [LEGEND]
    found = [invoice for invoice in accounts.invoices.values() if invoice.customer == customer]
    for invoice in sorted(found, key=lambda each: each.due):
        owed = accounts.owed(invoice.number)
        if owed.cents > 0:
            late = overdue_days(invoice.due, today)
            lines.append(f"{invoice.number}  {invoice.due}  {owed}" + (f"  {late} days late" if late else ""))
    return [*lines, f"Tax included: {standard_rate():.0%}; currencies: {', '.join(sorted({a for a, _ in RATES}))}"]


if __name__ == "__main__":
    print(LEGEND)
    print(", ".join(sorted({source for source, _ in RATES})))
