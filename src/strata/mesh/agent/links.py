"""The mesh's own links that are up at one agent, whichever end dialled them."""

from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager

import trio

from strata.mesh.agent.asking import hang_up
from strata.mesh.agent.messages import Neighbour, Wire

_LATELY = 8  # round trips


class LiveLink:
    """One of them. `since`: when it came up, by trio's clock. `rtts`: the latest round trips, of the end that pings."""

    def __init__(self, wire: Wire) -> None:
        self.wire = wire
        self.since = trio.current_time()
        self.rtts: deque[float] = deque(maxlen=_LATELY)


class Links:
    """Links by peer id; to one peer there may be two for a while, when both ends have dialled."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._up: dict[str, list[LiveLink]] = {}
        self._changed = trio.Event()

    @property
    def full(self) -> bool:
        """Whether this agent bears no further neighbour."""
        return len(self._up) >= self.most

    def is_up(self, peer_id: str) -> bool:
        """Whether there is a link with this peer."""
        return peer_id in self._up

    @contextmanager
    def holding(self, wire: Wire) -> Iterator[LiveLink]:
        """Count this link as up for the block."""
        peer_id, live = wire.peer.peer_id, LiveLink(wire)
        self._up.setdefault(peer_id, []).append(live)
        self._change()
        try:
            yield live
        finally:
            self._up[peer_id].remove(live)
            if not self._up[peer_id]:
                del self._up[peer_id]
            self._change()

    async def until_down(self, peer_id: str) -> None:
        """Wait until no link with this peer is up."""
        while self.is_up(peer_id):
            await self._changed.wait()

    async def close(self, peer_id: str) -> None:
        """Hang up on this peer."""
        for live in tuple(self._up.get(peer_id, ())):
            await hang_up(live.wire)

    def neighbours(self) -> tuple[Neighbour, ...]:
        """Who is linked, since when, and with the shortest round trip of late."""
        now = trio.current_time()
        return tuple(
            Neighbour(
                peer=peer_id,
                seconds=now - min(each.since for each in links),
                rtt_seconds=min((rtt for each in links for rtt in each.rtts), default=None),
            )
            for peer_id, links in self._up.items()
        )

    def _change(self) -> None:
        self._changed.set()
        self._changed = trio.Event()
