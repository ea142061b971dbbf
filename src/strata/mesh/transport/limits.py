"""What a relay bears."""

from dataclasses import dataclass


@dataclass(frozen=True)
class RelayLimits:
    """What a relay bears. circuits: at a time in all, circuits_of_one: of them to or from one member.

    seconds, circuit_bytes: of a circuit, both ways together. reservations: at a time; reserved_seconds: each.
    """

    reservations: int = 128
    reserved_seconds: int = 3600
    circuits: int = 64
    circuits_of_one: int = 16
    seconds: int = 3600
    circuit_bytes: int = 1 << 30
