"""Which layers to keep in memory when not all fit, and which to read again for each token."""

from dataclasses import dataclass

BUFFERS = 2  # one is computed with while the other is filled


@dataclass(frozen=True)
class Residency:
    """Layers by number, ascending."""

    resident: tuple[int, ...]
    streamed: tuple[int, ...]


def plan_residency(layers: int, layer_bytes: int, room: int) -> Residency | None:
    """As many resident layers as `room` bytes hold beside the buffers for the others; None where not even these fit.

    Streamed layers are spread evenly: the disk then reads the next one while resident ones compute, and is never done
    early and idle with both buffers full.
    """
    fit = room // layer_bytes
    if fit >= layers:
        return Residency(tuple(range(layers)), ())
    if fit < BUFFERS:
        return None
    count = layers - (fit - BUFFERS)
    streamed = tuple(index * layers // count for index in range(count))
    return Residency(tuple(sorted(set(range(layers)) - set(streamed))), streamed)
