"""Detection without detectors: how long a crash goes unnoticed is drawn from what the detailed simulation measured."""

from collections.abc import Sequence

from strata.mesh.simulate.chance import chance
from strata.mesh.simulate.world import World


class DrawnDetection:
    """Weeks can be simulated so. False alarms do not happen here, and who is in another part is not held alive."""

    def __init__(self, world: World, latencies: Sequence[float], seed: int) -> None:
        self._world = world
        self._latencies = latencies
        self._random = chance(seed, "detection")
        self._noticed: dict[str, float] = {}

    def crashed(self, name: str, now: float) -> None:
        """A node has crashed; others notice later."""
        self._noticed[name] = now + self._random.choice(self._latencies)

    def alive(self, observer: str, now: float) -> set[str]:
        """Whom the observer holds alive."""
        return {
            name
            for name in self._world.names
            if not self._world.apart(observer, name) and (self._world.up(name) or self._noticed.get(name, 0.0) > now)
        }
