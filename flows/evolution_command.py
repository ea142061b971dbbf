"""The command line of the evolution pipeline: `python -m flows.evolution`."""

from importlib import import_module

from flows.command import Command
from tasks.evolution_parameters import EvolutionParameters

COMMAND = Command(
    name="evolution",
    description="Breed merges of models, test each, and promote one only where it is shown to be better: "
    "propose, breed, examine, judge, conclude.",
    examples="""\
  python -m flows.evolution
  python -m flows.evolution --generations 10 --children 16 --strategy genetic
  python -m flows.evolution --parent ~/models/a --parent ~/models/b --base ~/models/base --approval always
""",
    done="all generations are over",
    parameters=EvolutionParameters,
    summary=lambda: import_module("flows.evolution_summary"),
)
