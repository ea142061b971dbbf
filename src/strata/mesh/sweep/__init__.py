"""Sweeping a mesh: probe its pairs within a budget, find what is weak, change it, and verify that the change helped.

Public face:

- `Coordinator`: speaks with the agents; `sweep_and_mend`: the whole round, `look`: one sweep of it
- `Discovery`, `MemberState`, `Sweep`, `Mended`, `Applied`: what was found, and what was done
- `plan_probes`, `finish`, `change_for`, `judge`, `taken_back`: its decisions, pure; `Change`, `Judgement`, `Verdict`
- `Topology`, `WeakSpots`, `Proposal`: the port to who finds weak spots and mends them; `PLAIN`: by networkx
- `troubles`, `settle`, `Trouble`, `PIPELINE`: incidents; `Kept`, `read_kept`, `write_kept`: from sweep to sweep;
  `Moment`, `moments`, `uptime`: over time
"""

from strata.mesh.sweep.coordinator import Applied, Coordinator, NotACoordinator
from strata.mesh.sweep.decide import Change, Judgement, Verdict, judge
from strata.mesh.sweep.found import Discovery, Known, MemberState, Probes
from strata.mesh.sweep.history import Moment, moments, uptime
from strata.mesh.sweep.incidents import PIPELINE, REVERTED, Trouble, settle, troubles
from strata.mesh.sweep.kept import Kept, read_kept, write_kept
from strata.mesh.sweep.mend import Mended, change_for, change_sentence, finish, look, sweep_and_mend, taken_back
from strata.mesh.sweep.plain import PLAIN
from strata.mesh.sweep.plan import FAN_OUT, Assignment, plan_probes
from strata.mesh.sweep.sweep import Sweep
from strata.mesh.sweep.topology import Proposal, Topology, WeakSpots, is_weak

__all__ = [
    "FAN_OUT",
    "PIPELINE",
    "PLAIN",
    "REVERTED",
    "Applied",
    "Assignment",
    "Change",
    "Coordinator",
    "Discovery",
    "Judgement",
    "Kept",
    "Known",
    "MemberState",
    "Mended",
    "Moment",
    "NotACoordinator",
    "Probes",
    "Proposal",
    "Sweep",
    "Topology",
    "Trouble",
    "Verdict",
    "WeakSpots",
    "change_for",
    "change_sentence",
    "finish",
    "is_weak",
    "judge",
    "look",
    "moments",
    "plan_probes",
    "read_kept",
    "settle",
    "sweep_and_mend",
    "taken_back",
    "troubles",
    "uptime",
    "write_kept",
]
