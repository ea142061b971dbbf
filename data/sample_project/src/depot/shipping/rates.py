"""What carriers charge by weight and zone."""

from bisect import bisect_left

from depot.common.money import Money
from depot.orders.parcel import Parcel, TooHeavy

ZONES = {"DE": 0, "AT": 1, "FR": 1, "LU": 1}


class RateTable:
    """Prices by weight step, in grams, and what each zone beyond the first adds."""

    def __init__(self, steps: "dict[int, Money]", zone: Money) -> None:
        self._steps, self._zone = sorted(steps.items()), zone

    def price(self, parcel: Parcel, country: str = "DE") -> Money:
        at = bisect_left([grams for grams, _ in self._steps], parcel.weight)
        if at == len(self._steps):
            raise TooHeavy(f"{parcel.weight} g are more than the table has")
        return self._steps[at][1] + self._zone * ZONES.get(country, 2)
