"""What would cut a mesh, and which links would mend it.

Public face:

- `weak_spots`, `WeakSpots`: the parts of a mesh, single peers and links that would cut it, its connectivity
"""

from strata.mesh.topology.weak import WeakSpots, weak_spots

__all__ = ["WeakSpots", "weak_spots"]
