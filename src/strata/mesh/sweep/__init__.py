"""Sweeping a mesh: probe its pairs within a budget, find what is weak, change it, and verify that the change helped.

Public face:

- `Coordinator`: speaks with the agents; `sweep_and_mend`: the whole round, `look`: one sweep of it,
  `sweep_once`: the round, written down
- `Discovery`, `MemberState`, `Sweep`, `Mended`, `Applied`: what was found, and what was done
- `plan_probes`, `finish`, `change_for`, `judge`, `taken_back`: its decisions, pure; `Change`, `Judgement`, `Verdict`
- `begun`, `unjudged`, `settled`: a change that is being made, over the death of who makes it
- `Topology`: who finds weak spots and mends them; `TOPOLOGY`: `strata.mesh.topology`
- `troubles`, `settle`, `write_down`, `end_incidents`, `Trouble`, `PIPELINE`: incidents
- `Moment`, `moments`, `uptime`: over time; `Recent`, `Seen`, `recent_sweeps`: of late
- `Kept`, `Pending`, `read_kept`, `write_kept`: from sweep to sweep
- `mended_sentences`, `sweep_sentence`, `peer_rows`, `state_rows`: told in words
"""

from strata.mesh.sweep.coordinator import Applied, Coordinator, NotACoordinator
from strata.mesh.sweep.decide import Change, Judgement, Verdict, judge
from strata.mesh.sweep.found import Discovery, Known, MemberState, Probes
from strata.mesh.sweep.history import Moment, moments, uptime
from strata.mesh.sweep.incidents import PIPELINE, Trouble, end_incidents, settle, troubles, write_down
from strata.mesh.sweep.kept import Kept, Pending, read_kept, write_kept
from strata.mesh.sweep.mend import (
    Mended,
    begun,
    change_for,
    change_sentence,
    finish,
    look,
    settled,
    sweep_and_mend,
    taken_back,
    unjudged,
)
from strata.mesh.sweep.once import note_connections, sweep_once
from strata.mesh.sweep.plan import FAN_OUT, Assignment, plan_probes
from strata.mesh.sweep.recent import Recent, Seen, recent_sweeps
from strata.mesh.sweep.sweep import Sweep
from strata.mesh.sweep.telling import mended_sentences, peer_rows, state_rows, sweep_sentence
from strata.mesh.sweep.topology import TOPOLOGY, Topology, is_weak

__all__ = [
    "FAN_OUT",
    "PIPELINE",
    "TOPOLOGY",
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
    "Pending",
    "Probes",
    "Recent",
    "Seen",
    "Sweep",
    "Topology",
    "Trouble",
    "Verdict",
    "begun",
    "change_for",
    "change_sentence",
    "end_incidents",
    "finish",
    "is_weak",
    "judge",
    "look",
    "mended_sentences",
    "moments",
    "note_connections",
    "peer_rows",
    "plan_probes",
    "read_kept",
    "recent_sweeps",
    "settle",
    "settled",
    "state_rows",
    "sweep_and_mend",
    "sweep_once",
    "sweep_sentence",
    "taken_back",
    "troubles",
    "unjudged",
    "uptime",
    "write_down",
    "write_kept",
]
