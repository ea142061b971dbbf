"""How long the detector waits for what. Values and formulas are those of hashicorp/memberlist for a local network."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Timing:
    """All durations are seconds of a monotonic clock.

    health_levels: local health stretches probes up to so many times; 1 turns it off.
    suspicion_stretch: a suspicion that nobody confirms lasts so many times longer; 1 turns that off.
    mobile_stretch: a mobile member is probed so many times less often than others, and is suspect so many times longer.
    nap: who is called so much later than it asked takes itself to have slept, and does not count that time; infinity
    turns that off.
    """

    probe_interval: float = 1.0
    probe_timeout: float = 0.5
    indirect_probes: int = 3
    gossip_interval: float = 0.2
    gossip_fanout: int = 3
    gossip_bytes: int = 1400
    retransmit_mult: int = 4
    suspicion_mult: int = 4
    suspicion_stretch: int = 6
    health_levels: int = 8
    sync_interval: float = 30.0
    reconnect_interval: float = 30.0
    gossip_to_dead: float = 30.0
    fetch_timeout: float = 10.0
    mobile_stretch: int = 30
    nap: float = 0.5

    def retransmit_limit(self, members: int) -> int:
        """How often one member passes on an update: mult * ceil(log10(n + 1))."""
        return self.retransmit_mult * math.ceil(math.log10(members + 1))

    def suspicion_floor(self, members: int) -> float:
        """The shortest suspicion, in seconds: mult * max(1, log10 n) probe intervals."""
        return self.suspicion_mult * max(1.0, math.log10(max(1, members))) * self.probe_interval

    def confirmations(self, members: int) -> int:
        """How many other accusers bring a suspicion down to its shortest; 0 where there are too few members."""
        wanted = self.suspicion_mult - 2
        return wanted if members - 2 >= wanted else 0

    def sync_every(self, members: int) -> float:
        """Seconds between full exchanges; longer in a large mesh, where each costs more."""
        if members <= 32:
            return self.sync_interval
        return self.sync_interval * (math.ceil(math.log2(members) - 5) + 1)


LAN = Timing()

# Of a member that is mobile itself: its radio wakes two or three times a minute, and what others have found out it asks
# once a minute.
MOBILE = Timing(probe_interval=30.0, probe_timeout=3.0, sync_interval=60.0, reconnect_interval=300.0, mobile_stretch=1)
