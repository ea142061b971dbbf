"""What carries a member's connections: chosen by where it listens."""

from typing import Any

from strata.mesh.agent.either import Either
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
    also: str | None = None,
) -> Transport:
    """The transport that listens there. keys, replays, fronting: as `serve` takes them.

    relaying: also be a relay, for members that cannot be dialled; over direct links there are none.
    also: beside direct links, a multiaddr at which a host listens.
    """
    own: dict[str, Any] = {"keys": keys, "replays": replays, "fronting": fronting}
    if isinstance(place, str):
        limits = RelayLimits() if relaying else None
        return Libp2p(identity, roster, (place,), relaying=limits, **own)
    direct = Direct(identity, roster, *place, **own)
    if also is None:
        return direct
    return Either(identity, roster, direct=direct, libp2p=Libp2p(identity, roster, (also,), **own))
