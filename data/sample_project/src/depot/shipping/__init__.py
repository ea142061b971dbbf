"""Parcels on their way."""

from depot.orders.parcel import Parcel, pack

from .carriers import Carrier, cheapest
