"""The command line of the mesh pipeline: `python -m flows.mesh`."""

from importlib import import_module

from flows.command import Command
from tasks.mesh_parameters import MeshParameters

COMMAND = Command(
    name="mesh",
    description="Sweep a mesh and mend it: discover, probe, diagnose, propose, apply, verify, keep or take back.",
    examples="""\
  python -m flows.mesh
  python -m flows.mesh --members 12 --kill 3 --survive 2
  python -m flows.mesh --mesh mesh.strata --identity coordinator.key
""",
    done="the mesh was swept",
    parameters=MeshParameters,
    summary=lambda: import_module("flows.mesh_summary"),
)
