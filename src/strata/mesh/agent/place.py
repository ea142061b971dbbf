"""What carries a member's connections: chosen by where it listens."""

from strata.mesh.agent.transport import Direct
from strata.mesh.port import Transport
from strata.mesh.roster import Roster
from strata.mesh.transport import Libp2p, RelayLimits
from strata.secure import EchKeys, Identity, ReplayCache

Place = tuple[str, int] | str  # host and port for direct links, or a multiaddr for a libp2p host


def transport_at(
    place: Place,
    identity: Identity,
    roster: Roster,
    *,
    keys: EchKeys | None = None,
    replays: ReplayCache | None = None,
    fronting: bool = False,
    relaying: bool = False,
) -> Transport:
    """The transport that listens there. keys, replays, fronting: as `serve` takes them.

    relaying: also be a relay, for members that cannot be dialled; over direct links there are none.
    """
    if isinstance(place, str):
        limits = RelayLimits() if relaying else None
        return Libp2p(identity, roster, (place,), keys=keys, replays=replays, fronting=fronting, relaying=limits)
    return Direct(identity, roster, *place, keys=keys, replays=replays, fronting=fronting)
