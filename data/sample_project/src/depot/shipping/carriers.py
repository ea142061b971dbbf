"""Carriers, and the cheapest of them for a parcel."""

from dataclasses import dataclass

from depot.orders.parcel import MOST_GRAMS, Parcel
from depot.shipping.rates import RateTable


@dataclass(frozen=True)
class Carrier:
    """Who carries parcels, and what for."""

    name: str
    rates: RateTable
    most: int = MOST_GRAMS

    def takes(self, parcel: Parcel) -> bool:
        return 0 < parcel.weight <= self.most


def cheapest(carriers, parcel: Parcel, country: str = "DE") -> "Carrier | None":
    """None where nobody takes it."""
    able = [carrier for carrier in carriers if carrier.takes(parcel)]
    return min(able, key=lambda carrier: carrier.rates.price(parcel, country).cents, default=None)
