"""What would cut a mesh, and which links would mend it.

Public face:

- `weak_spots`, `WeakSpots`: the parts of a mesh, single peers and links that would cut it, its connectivity
- `propose`, `Proposal`: the cheapest links to add so that it survives failures, and links to drop
- `MOST_SURVIVED`: failures that can be asked for
"""

from strata.mesh.topology.propose import MOST_SURVIVED, Proposal, propose
from strata.mesh.topology.weak import WeakSpots, weak_spots

__all__ = ["MOST_SURVIVED", "Proposal", "WeakSpots", "propose", "weak_spots"]
