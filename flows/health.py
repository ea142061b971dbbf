"""The health report: what ran, what failed, what is open, how whole the mesh was, and what the store holds.

    look -> report

`python -m flows.health --help` says how to run it from the command line; the deployment is in `prefect.yaml`.
"""

if __name__ == "__main__":
    # The command line sets Prefect up before importing it, and prints its help without it.
    from importlib import import_module

    from flows.command import main
    from flows.health_command import COMMAND

    raise SystemExit(main(COMMAND, lambda: import_module("flows.health").run))

from prefect import flow
from prefect.client.schemas.objects import State

from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.health import HealthOutcome, gather_health, publish_health
from tasks.health_parameters import HealthParameters
from tasks.record import ALL_OFF, recorded, skipped

THE_LAST_DAY = HealthParameters()
PIPELINE = "health"


@flow(name="health", timeout_seconds=600, **ENDINGS)
def run(parameters: HealthParameters = THE_LAST_DAY) -> HealthOutcome | State:
    """Tell how all pipelines are doing.

    Args:
        parameters: How far to look back. The default is the last day.
    """
    settings = Settings()
    if not settings.phase_2:
        return skipped(PIPELINE, settings, ALL_OFF)
    with recorded(PIPELINE, settings) as record:
        health = gather_health(parameters, settings)
        page = publish_health(health, settings)
        record.update(health.figures())
    return HealthOutcome(health, page)
