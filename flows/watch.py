"""The watch over the champion: is it still no worse than the one before it, on items that nobody has seen?

The deployment `watch/watch` in `prefect.yaml` runs it on a schedule. Where the champion regressed an incident is opened
and `strata.evolution.regressed` emitted, which starts the deployment `rollback/rollback`.
"""

from prefect import flow
from prefect.client.schemas.objects import State

from strata.settings import Settings
from tasks.endings import ENDINGS
from tasks.evolution_watch import WATCH, WatchOutcome, look_again, take_post
from tasks.record import ALL_OFF, recorded, skipped
from tasks.watch_parameters import WatchParameters

AS_THE_GATE = WatchParameters()


@flow(name="watch", timeout_seconds=7200, **ENDINGS)
def run(parameters: WatchParameters = AS_THE_GATE) -> WatchOutcome | State:
    """Judge the champion against the one before it on fresh items.

    Args:
        parameters: How many items may be drawn, and which difference should be found.
    """
    settings = Settings()
    if not settings.phase_2:
        return skipped(WATCH, settings, ALL_OFF)
    if not settings.regression_detection:
        return skipped(
            WATCH, settings, "Nothing is judged: set EVOLUTION_REGRESSION_DETECTION=true to watch champions."
        )
    post = take_post(settings)
    if isinstance(post, str):
        return skipped(WATCH, settings, post)
    with recorded(WATCH, settings) as record:
        outcome = look_again(parameters, post)
        record |= {"champion": outcome.champion, "revision": post.standing.revision, "incident": outcome.incident}
    return outcome
