"""What is counted while simulated time passes."""

from strata.mesh.simulate.world import World


class Meter:
    """Of pairs of live nodes: for how long they have a path, and the instants at which some lose their last one."""

    def __init__(self, world: World, now: float) -> None:
        self.partitions = 0
        self.pair_seconds = 0.0
        self.connected_seconds = 0.0
        self.node_seconds = 0.0
        self.repairs: list[float] = []
        self._world = world
        self._now = now
        self._open: list[float] = []
        self._reach = world.reach()
        self._pairs, self._connected = self._count()

    def changed(self, now: float) -> None:
        """Something has changed in the world at this moment."""
        self.passed(now)
        before, self._reach = self._reach, self._world.reach()
        live = sum(self._reach)
        if any(before.get(bit, 0) & live & ~reached for bit, reached in self._reach.items()):
            self.partitions += 1
            self._open.append(now)
        self._pairs, self._connected = self._count()
        if self._pairs == self._connected:
            self.repairs += [now - since for since in self._open]
            self._open = []

    def passed(self, now: float) -> None:
        """Time has passed and nothing has changed."""
        seconds, self._now = now - self._now, now
        self.pair_seconds += seconds * self._pairs
        self.connected_seconds += seconds * self._connected
        self.node_seconds += seconds * len(self._reach)

    def _count(self) -> tuple[int, int]:
        live = len(self._reach)
        return live * (live - 1), sum(reached.bit_count() for reached in self._reach.values())
