"""The mesh on simulated time and faults: the same detectors, and what a sweep would change.

Public face:

- `simulate_mesh`: one run; `Scenario` (`Spell`, `Split`, `Slow`, `BadScenario`): the faults, written down before
- `measure_detection`: how long crashes go unnoticed, from a short detailed run
- `Figures`, `Detection`, `FalseAlarm`, `quantiles`: what it found
- `Mender`, `leave_alone`, `Remembering`, `RandomLinks`: what a sweep asks for, and controls
- `sparse_mesh`, `dialling_mesh`: made-up meshes
"""

from strata.mesh.simulate.calibrate import measure_detection
from strata.mesh.simulate.figures import Detection, FalseAlarm, Figures, quantiles
from strata.mesh.simulate.mender import RandomLinks, Remembering, leave_alone
from strata.mesh.simulate.meshes import dialling_mesh, sparse_mesh
from strata.mesh.simulate.run import simulate_mesh
from strata.mesh.simulate.scenario import BadScenario, Scenario, Slow, Spell, Split
from strata.mesh.simulate.sweeping import Mender

__all__ = [
    "BadScenario",
    "Detection",
    "FalseAlarm",
    "Figures",
    "Mender",
    "RandomLinks",
    "Remembering",
    "Scenario",
    "Slow",
    "Spell",
    "Split",
    "dialling_mesh",
    "leave_alone",
    "measure_detection",
    "quantiles",
    "simulate_mesh",
    "sparse_mesh",
]
