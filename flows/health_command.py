"""The command line of the health report: `python -m flows.health`."""

from importlib import import_module

from flows.command import Command
from tasks.health_parameters import HealthParameters

COMMAND = Command(
    name="health",
    description="Tell how all pipelines are doing: runs, incidents, meshes, champion, store.",
    examples="""\
  python -m flows.health
  python -m flows.health --hours 168 --json
""",
    done="the report is written",
    parameters=HealthParameters,
    summary=lambda: import_module("flows.health_summary"),
)
