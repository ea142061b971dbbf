"""The mesh on simulated time and faults: the same detectors, and what a sweep would change.

Public face:

- `simulate_mesh`: one run; `Scenario` (`Spell`, `Split`, `Slow`, `BadScenario`): the faults, written down before
- `Fault`, `Kind`, `schedule`, `slow_nodes`: when they happen; `Processes`: what takes real processes time
- `World`, `Meter`: what is counted, and from what
- `measure_detection`: how long crashes go unnoticed, from a short detailed run
- `Figures`, `Detection`, `FalseAlarm`, `quantiles`: what it found
- `Mender`, `leave_alone`, `Remembering`, `RandomLinks`: what a sweep asks for, and controls
- `sparse_mesh`, `dialling_mesh`: made-up meshes
"""

from strata.mesh.simulate.calibrate import measure_detection
from strata.mesh.simulate.figures import Detection, FalseAlarm, Figures, quantiles
from strata.mesh.simulate.keeping import Processes
from strata.mesh.simulate.mender import RandomLinks, Remembering, leave_alone
from strata.mesh.simulate.meshes import dialling_mesh, sparse_mesh
from strata.mesh.simulate.meter import Meter
from strata.mesh.simulate.run import simulate_mesh
from strata.mesh.simulate.scenario import BadScenario, Scenario, Slow, Spell, Split
from strata.mesh.simulate.schedule import Fault, Kind, schedule, slow_nodes
from strata.mesh.simulate.sweeping import Mender
from strata.mesh.simulate.world import World

__all__ = [
    "BadScenario",
    "Detection",
    "FalseAlarm",
    "Fault",
    "Figures",
    "Kind",
    "Mender",
    "Meter",
    "Processes",
    "RandomLinks",
    "Remembering",
    "Scenario",
    "Slow",
    "Spell",
    "Split",
    "World",
    "dialling_mesh",
    "leave_alone",
    "measure_detection",
    "quantiles",
    "schedule",
    "simulate_mesh",
    "slow_nodes",
    "sparse_mesh",
]
