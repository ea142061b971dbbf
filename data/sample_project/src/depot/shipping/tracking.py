"""Where parcels are."""

from datetime import datetime

import depot.orders.parcel

EVENTS = ("packed", "handed over", "in transit", "delivered")


class Track:
    """What happened to a parcel, in order."""

    def __init__(self, parcel: "depot.orders.parcel.Parcel") -> None:
        if not isinstance(parcel, depot.orders.parcel.Parcel):
            raise TypeError("only parcels are tracked")
        self.parcel = parcel
        self.events: list[tuple[datetime, str]] = []

    def add(self, event: str, when: datetime) -> None:
        expected = EVENTS[len(self.events)] if len(self.events) < len(EVENTS) else None
        if event != expected:
            raise ValueError(f"{expected or 'nothing'} comes next, not {event}")
        self.events.append((when, event))

    @property
    def is_delivered(self) -> bool:
        return len(self.events) == len(EVENTS)
