"""Nodes on the machines of a Ray cluster.

- `RayNodes`: as many as are `NodesWanted`, each with its `Portion`, for as long as a `with` block lasts
- `NodeNews`: what befalls them, which `NodeIncidents` writes down
- `being_up`, `take_down`: one process that keeps them up, and how another ends it
"""

from strata.mesh.ray_nodes.cluster import NodesWanted, RayNodes
from strata.mesh.ray_nodes.placing import Portion
from strata.mesh.ray_nodes.running import AlreadyUp, being_up, take_down
from strata.mesh.ray_nodes.telling import NodeIncidents, NodeNews

__all__ = ["AlreadyUp", "NodeIncidents", "NodeNews", "NodesWanted", "Portion", "RayNodes", "being_up", "take_down"]
