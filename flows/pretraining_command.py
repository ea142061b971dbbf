"""The command line of the pretraining pipeline: `python -m flows.pretraining`."""

from importlib import import_module

from flows.command import Command
from tasks.pretraining_parameters import PretrainingParameters

COMMAND = Command(
    name="pretraining",
    description="Train a small base model and a specialist from it for each domain. A run that was stopped or killed "
    "goes on where it was when it is started again; models that are there are kept.",
    examples="""\
  python -m flows.pretraining
  python -m flows.pretraining --out models --seed 7
  python -m flows.pretraining --out try --steps 10 --json
""",
    done="the models are trained",
    parameters=PretrainingParameters,
    summary=lambda: import_module("flows.pretraining_summary"),
)
