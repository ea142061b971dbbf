"""The pretraining pipeline: a base model and four specialists from it, small enough to train in minutes.

    train -> register

`python -m flows.pretraining --help` says how to run it from the command line.
"""

if __name__ == "__main__":
    # The command line sets Prefect up before importing it, and prints its help without it.
    from importlib import import_module

    from flows.command import main
    from flows.pretraining_command import COMMAND

    raise SystemExit(main(COMMAND, lambda: import_module("flows.pretraining").run))

from prefect import flow
from prefect.client.schemas.objects import State

from strata.evolution.pretraining import Checkpoint
from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.pretraining import register_models, train_models
from tasks.pretraining_parameters import PretrainingParameters
from tasks.record import ALL_OFF, recorded, skipped

DEMONSTRATION = PretrainingParameters()


@flow(name="pretraining", timeout_seconds=43200, **ENDINGS)
def run(parameters: PretrainingParameters = DEMONSTRATION) -> list[Checkpoint] | State:
    """Train a base model and a specialist from it for each domain, and put them into the store.

    Args:
        parameters: Where the models go, the seed, and how long to train. The defaults make the checkpoints that ship.
    """
    settings = Settings()
    if not settings.phase_2:
        return skipped("pretraining", settings, ALL_OFF)
    with recorded("pretraining", settings) as record:
        checkpoints = register_models(parameters, train_models(parameters))
        record["models"] = {checkpoint.run: checkpoint.model for checkpoint in checkpoints}
    return checkpoints
