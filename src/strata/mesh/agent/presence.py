"""What those who keep links know of the peers from the failure detector."""

import math

import trio

HEARTBEAT_SECONDS = 5.0
MOBILE_HEARTBEAT_SECONDS = 60.0  # of links with a mobile member at either end
QUIET_SECONDS = 15.0  # who is heard of after so long may be back


class Presence:
    """Who is away, who is mobile, and who comes back. mobile: whether this member is."""

    def __init__(self, *, mobile: bool = False) -> None:
        self._is_mobile = mobile
        self._mobile: set[str] = set()
        self._away: set[str] = set()
        self._heard: dict[str, float] = {}
        self._waiting: dict[str, trio.Event] = {}

    def note(self, peer_id: str, *, away: bool, mobile: bool = False) -> None:
        """That is held of it from now on."""
        (self._mobile.add if mobile else self._mobile.discard)(peer_id)
        if away:
            self._away.add(peer_id)
            return
        self._away.discard(peer_id)
        self._wake(peer_id)

    def heard(self, peer_id: str) -> None:
        """It has said something."""
        now = trio.current_time()
        if now - self._heard.get(peer_id, -math.inf) > QUIET_SECONDS:
            self._wake(peer_id)
        self._heard[peer_id] = now

    def is_away(self, peer_id: str) -> bool:
        """Whether it is held dead, or to have left."""
        return peer_id in self._away

    def is_mobile(self, peer_id: str) -> bool:
        """Whether it says that it is metered and sleeps at times."""
        return peer_id in self._mobile

    def heartbeat(self, peer_id: str) -> float:
        """Seconds between pings over a link that is kept with it."""
        mobile = self._is_mobile or self.is_mobile(peer_id)
        return MOBILE_HEARTBEAT_SECONDS if mobile else HEARTBEAT_SECONDS

    async def until_back(self, peer_id: str) -> None:
        """Wait until it is found alive after all, or says something after a long time."""
        await self._waiting.setdefault(peer_id, trio.Event()).wait()

    def _wake(self, peer_id: str) -> None:
        if (event := self._waiting.pop(peer_id, None)) is not None:
            event.set()
