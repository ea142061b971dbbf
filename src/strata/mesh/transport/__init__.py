"""Hosts of libp2p inside the mesh's own channel. Needs `libp2p==0.8.1` (`pip install strata[mesh]`).

- `open_host`: a host that speaks Noise XK with members, and libp2p's `/noise` with those the policy names.
- `dial_peer`: a connection to a peer, or the reason why there is none.
- `Libp2p`: a member's host as a transport of the mesh; `RelayLimits`: what it bears as a relay.
"""

from strata.mesh.transport.host import MAX_CONNECTIONS, dial_peer, open_host
from strata.mesh.transport.limits import RelayLimits
from strata.mesh.transport.members import Libp2p

__all__ = ["MAX_CONNECTIONS", "Libp2p", "RelayLimits", "dial_peer", "open_host"]
