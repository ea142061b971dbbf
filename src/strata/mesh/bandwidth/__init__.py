"""Bandwidth of a mesh, shared fairly, and kept to.

Public face:

- `Flow`, `Kind`, `WEIGHTS`: what wants to pass, its class, and what a class weighs
- `allocate`, `Allocation`, `Share`: the rate of each flow, and what binds it
- `read_flows`, `BadFlows`: `FLOWS.json`
- `TokenBucket`, `TooFast`: a rate kept to
- `Sharing`, `Turn`, `BURST_BYTES`: one rate, shared by whatever has something to send
"""

from strata.mesh.bandwidth.allocate import Allocation, Share, allocate
from strata.mesh.bandwidth.bucket import TokenBucket, TooFast
from strata.mesh.bandwidth.flows import WEIGHTS, BadFlows, Flow, Kind, read_flows
from strata.mesh.bandwidth.sharing import BURST_BYTES, Sharing, Turn

__all__ = [
    "BURST_BYTES",
    "WEIGHTS",
    "Allocation",
    "BadFlows",
    "Flow",
    "Kind",
    "Share",
    "Sharing",
    "TokenBucket",
    "TooFast",
    "Turn",
    "allocate",
    "read_flows",
]
