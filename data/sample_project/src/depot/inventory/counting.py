"""Stocktaking: what was counted against what the ledger says."""

from depot.catalog.stock import Movement, StockLedger


def differences(ledger: StockLedger, counted: "dict[str, int]") -> "dict[str, int]":
    """Counted less booked, where they differ; what was not counted is left out."""
    return {sku: found - ledger.level(sku) for sku, found in sorted(counted.items()) if found != ledger.level(sku)}


def correct(ledger: StockLedger, counted: "dict[str, int]") -> "list[Movement]":
    """Book the differences."""
    return [ledger.book(sku, change, "stocktaking") for sku, change in differences(ledger, counted).items()]
