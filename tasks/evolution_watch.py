"""The watch over a champion as a run of its own: look again at fresh items, say what was found, start the rollback.

A look at the same champion every few hours would one day find a regression by chance. So look number k has an error
rate of alpha / (k (k + 1)): all of them together have one of alpha / 2 beside that of the look after the promotion.
"""

from dataclasses import dataclass, replace
from typing import Any

from prefect import get_run_logger, task
from prefect.artifacts import create_markdown_artifact
from prefect.cache_policies import NO_CACHE

from strata.evolution.lineage import PIPELINE, Championship
from strata.evolution.regression import GatePolicy
from strata.evolution.rounds import REGRESSION, open_examiner, regression_in, watch_champion
from strata.evolution.suites import GENERATIONS, named_suites
from strata.settings import Settings
from strata.store import Change, Incident, IncidentLog, Ledger, open_store
from tasks.evolution_events import announce_regression
from tasks.evolution_tables import judgement_markdown
from tasks.failures import stage
from tasks.terminal import console
from tasks.watch_parameters import WatchParameters

WATCH = "evolution-watch"  # the pipeline's name in the ledger
_ADVICE = "see the message; the next look is as good as this one."


@dataclass(frozen=True)
class Post:
    """Whom to watch: `standing`, for the `look`-th time; the one right after its promotion was the first.

    known: the open incident that says it regressed; None where there is none.
    """

    standing: Change
    look: int
    known: Incident | None


@dataclass(frozen=True)
class WatchOutcome:
    """What a look at `champion` found; judgement: plain data, None where a regression was known already."""

    champion: str
    previous: str
    look: int
    judgement: dict[str, Any] | None
    incident: int | None


def take_post(settings: Settings) -> Post | str:
    """Whom to watch; or why there is nobody."""
    store = open_store(settings)
    with Ledger(settings.ledger) as ledger:
        standing = Championship(store, ledger).standing()
        if standing is None or standing.previous is None:
            return "There is no champion that took another one's place."
        if standing.kind != "promotion":
            return "The champion was put back into its place by a rollback: it was judged when it was promoted."
        runs = ledger.runs(WATCH, limit=10 * GENERATIONS)
        looks = sum(run.figures.get("revision") == standing.revision for run in runs if run.state == "completed")
        known = IncidentLog(ledger).open_ones(PIPELINE, REGRESSION, standing.digest)
    if looks + 2 > GENERATIONS and not known:
        return f"This champion was judged {looks + 1} times, on all items that there are for it."
    return Post(standing, looks + 2, known[0] if known else None)


@task(name="look", cache_policy=NO_CACHE)
def look_again(parameters: WatchParameters, post: Post) -> WatchOutcome:
    """Judge the champion against the one before it; an incident is opened, and announced, where it is worse."""
    settings, champion = Settings(), post.standing.digest
    assert post.standing.previous is not None
    outcome = WatchOutcome(champion, post.standing.previous, post.look, None, post.known and post.known.id)
    if post.known is None:
        with stage("look", {}, _ADVICE):
            outcome = _judge(parameters, post, outcome, settings)
    if outcome.incident is not None:
        announce_regression(champion, post.standing.previous, outcome.incident, _reason(outcome, post.known))
    sentence = _sentence(outcome, post.known)
    console.print(sentence)
    get_run_logger().info(sentence)
    if outcome.judgement is not None:
        create_markdown_artifact(f"{sentence}\n\n{judgement_markdown(outcome.judgement)}", key="evolution-watch")
    return outcome


def _judge(parameters: WatchParameters, post: Post, outcome: WatchOutcome, settings: Settings) -> WatchOutcome:
    policy = GatePolicy(gain=parameters.gain, most_items=parameters.items)
    policy = replace(policy, alpha=policy.alpha / (post.look * (post.look + 1)))
    store = open_store(settings)
    with (
        Championship(store, settings.ledger) as championship,
        IncidentLog(settings.ledger) as incidents,
        open_examiner(settings.home, store, named_suites(parameters.suites), seed=parameters.seed) as examiner,
    ):
        # The look after the promotion took the items of the champion's own generation.
        number = (post.standing.generation or 0) + post.look - 1
        watched = watch_champion(examiner, policy, championship, incidents, generation=number)
    if watched is None or watched.champion != post.standing.digest:
        return outcome  # it was replaced while it was looked at
    return replace(outcome, judgement=watched.judgement.to_dict(), incident=watched.incident)


def _reason(outcome: WatchOutcome, known: Incident | None) -> str:
    if outcome.judgement is None:
        return known.detail if known else ""
    return regression_in(outcome.judgement["affected"])


def _sentence(outcome: WatchOutcome, known: Incident | None) -> str:
    champion, previous = outcome.champion[:12], outcome.previous[:12]
    if outcome.incident is not None:
        found = f"{_reason(outcome, known)} ({previous}), at look {outcome.look}"
        return f"Champion {champion} is {found}: incident {outcome.incident}"
    if outcome.judgement is None:
        return f"{champion} was replaced while it was looked at"
    return f"Champion {champion} is not found to be worse than {previous} (look {outcome.look})"
