from datetime import UTC, datetime, timedelta

from strata.store import Run, RunState, tally

NOON = datetime(2026, 3, 1, 12, tzinfo=UTC)


def a_run(pipeline: str, state: RunState, minute: int, seconds: float | None = None) -> Run:
    started = NOON + timedelta(minutes=minute)
    return Run(
        minute, pipeline, "1", state, started, None if seconds is None else started + timedelta(seconds=seconds), {}
    )


def test_runs_are_counted_by_pipeline_and_ending() -> None:
    runs = [
        a_run("mesh", "completed", 0, 10.0),
        a_run("mesh", "completed", 5, 20.0),
        a_run("mesh", "failed", 10, 500.0),
        a_run("evolution", "crashed", 3),
        a_run("evolution", "running", 4),
    ]
    evolution, mesh = tally(runs)
    assert (evolution.pipeline, evolution.runs, evolution.bad, evolution.seconds) == ("evolution", 2, 1, None)
    assert (mesh.pipeline, mesh.ended, mesh.bad) == ("mesh", {"completed": 2, "failed": 1}, 1)
    assert mesh.seconds == 15.0  # of those that completed
    assert mesh.last == NOON + timedelta(minutes=10)


def test_of_no_runs_there_is_no_tally() -> None:
    assert tally([]) == ()
