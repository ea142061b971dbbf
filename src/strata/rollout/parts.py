"""The parts that are rolled out, and the settings that each begins with."""

from enum import StrEnum

from strata.settings import Settings


class Part(StrEnum):
    """What can be given to a share of the work. What is measured, in seconds, is less where it is better."""

    OPTIMISER = "cross-node-optimiser"  # of inference runs: seconds a token
    TRANSPORT = "enhanced-transport"  # of a sweep's connections to members: seconds until one has said how it is


_FIELDS = {
    Part.OPTIMISER: ("cross_node_optimiser", "cross_node_optimiser_percent"),
    Part.TRANSPORT: ("mesh_performance", "mesh_performance_percent"),
}


def is_on(part: Part, settings: Settings) -> bool:
    """Its flag: off takes it from all work, whatever its percentage."""
    return bool(getattr(settings, _FIELDS[part][0]))


def flag_of(part: Part) -> str:
    """The name of its flag in the environment."""
    return str(Settings.model_fields[_FIELDS[part][0]].alias)


def start_of(part: Part, settings: Settings) -> int:
    """The percentage that counts while the ledger has none."""
    return int(getattr(settings, _FIELDS[part][1]))
