"""Parcels: pieces packed so that none is too heavy."""

from dataclasses import dataclass, field

MOST_GRAMS = 10_000


class TooHeavy(ValueError):
    """One piece alone is more than a parcel may weigh."""


@dataclass
class Parcel:
    """Pieces by stock keeping unit, and their weight in grams."""

    contents: "dict[str, int]" = field(default_factory=dict)
    weight: int = 0

    def put(self, sku: str, grams: int) -> None:
        self.contents[sku] = self.contents.get(sku, 0) + 1
        self.weight += grams


def pack(pieces, most: int = MOST_GRAMS) -> "list[Parcel]":
    """First fit, heaviest first. pieces: (stock keeping unit, grams of one, how many)."""
    parcels: list[Parcel] = []
    for sku, grams, quantity in sorted(pieces, key=lambda piece: -piece[1]):
        if grams > most:
            raise TooHeavy(f"{sku} weighs {grams} g")
        for _ in range(quantity):
            parcel = next((each for each in parcels if each.weight + grams <= most), None)
            if parcel is None:
                parcel = Parcel()
                parcels.append(parcel)
            parcel.put(sku, grams)
    return parcels
