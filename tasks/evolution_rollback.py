"""Rollbacks: of a promotion just made, and as a run of its own to the last good champion or to one that is named."""

from contextlib import closing

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from strata.evolution.lineage import (
    Championship,
    Family,
    NoChampion,
    NoSoundChampion,
    PoolMerge,
    Rollback,
    UnknownModel,
)
from strata.evolution.merge import MergePool
from strata.evolution.rounds import REGRESSION
from strata.settings import Settings
from strata.store import PointerMoved, open_store
from tasks.evolution_events import announce_champion
from tasks.evolution_report import publish_incident
from tasks.failures import stage
from tasks.rollback_parameters import RollbackParameters
from tasks.terminal import console

_ADVICE = {
    NoSoundChampion: "promote another model, or bring the files of a former champion back (`strata store verify`).",
    UnknownModel: "`strata evolution lineage` shows who there is.",
}


@task(name="rollback", cache_policy=NO_CACHE)
def roll_back_champion(parameters: RollbackParameters) -> Rollback | str:
    """Put a former champion back, after every byte of it was verified; or why there is nothing to roll back from."""
    settings = Settings()
    store = open_store(settings)
    with (
        stage("rollback", _ADVICE, "see the message; the champion is the one before or after, and whole. Try again."),
        closing(Family(store, settings.ledger)) as family,
        MergePool(store) as pool,  # starts no worker unless a model has to be made again
        Championship(store, settings.ledger, merge=PoolMerge(pool)) as championship,
    ):
        try:
            done = championship.rollback(
                _target(family, parameters.to),
                reason=parameters.reason,
                kind="regression" if parameters.regressed else "rollback",
                expected=parameters.expected or None,
            )
        except PointerMoved as moved:
            return f"The champion is {(moved.found or 'none')[:12]} now, not {parameters.expected[:12]}: it stays."
        except NoChampion:
            return "There is no champion to roll back from: run the evolution pipeline first."
    announce_champion("rolled-back", done.left, {"to": done.target, "seconds": done.seconds})
    sentence = _sentence(done)
    console.print(sentence)
    get_run_logger().info(sentence)
    passed = "".join(f"\n- passed over {digest[:12]}: {wrong}" for digest, wrong in done.passed_over)
    create_markdown_artifact(f"{sentence}\n\nReason: {parameters.reason}\n{passed}", key="evolution-rollback")
    if parameters.regressed:
        _explain(settings, done.left)
    return done


def roll_back(settings: Settings, *, expected: str, reason: str) -> Rollback:
    """Take a champion's place with the last good one because it regressed, and tell of it."""
    with Championship(open_store(settings), settings.ledger) as championship:
        done = championship.rollback(reason=reason, kind="regression", expected=expected)
    announce_champion("rolled-back", expected, {"to": done.target, "seconds": done.seconds})
    console.print(f"  rolled back to {done.target[:12]} in {done.seconds:.2f} s: {reason}")
    _explain(settings, expected)
    return done


def _explain(settings: Settings, left: str) -> None:
    """Have the incident of the regression explained in a page and an artifact."""
    if (page := publish_incident(settings, REGRESSION, left)) is not None:
        console.print(f"  explained in {page}")


def _target(family: Family, text: str) -> str | int | None:
    """A short number is a generation, as for `strata evolution rollback`; the rest names a model."""
    if not text:
        return None
    if text.isdecimal() and len(text) < 8:
        return int(text)
    return family.find(text).digest if family.lineage.matching(text) else text


def _sentence(done: Rollback) -> str:
    how = "made again from its recipe" if done.rebuilt else "verified"
    return f"Rolled back from {done.left[:12]} to {done.target[:12]}, {how}, in {done.seconds:.2f} s"
