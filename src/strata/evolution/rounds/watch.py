"""The champion after its promotion: is it still no worse than the one before, on items that nobody has seen?"""

from collections.abc import Sequence
from dataclasses import dataclass

from strata.evolution.lineage import Championship, Rollback
from strata.evolution.regression import GatePolicy, Judgement, Verdict
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.judging import judge_candidate
from strata.evolution.rounds.notices import DRIFT, Notice, of_watch
from strata.evolution.rounds.telling import settle, tell
from strata.store import IncidentLog

REGRESSION = "regression"


def regression_in(domains: Sequence[str]) -> str:
    """What is said of a champion that regressed."""
    return f"worse than the champion before it in {', '.join(domains)}"


@dataclass(frozen=True)
class Watched:
    """judgement: of the champion against the one before it; incident: the open one, where it has become worse."""

    champion: str
    judgement: Judgement
    incident: int | None


def watch_champion(
    examiner: Examiner,
    policy: GatePolicy,
    championship: Championship,
    incidents: IncidentLog,
    *,
    generation: int,
) -> Watched | None:
    """Judge the champion anew, and open an incident where it regressed; None where there is none before it.

    generation: whose items for the watch are drawn. A rollback of kind "regression" resolves the incident.
    """
    standing = championship.standing()
    if standing is None or standing.previous is None:
        return None
    judgement = judge_candidate(
        examiner,
        policy,
        champion=standing.previous,
        candidate=standing.digest,
        anchor=None,
        generation=generation,
        purpose="watch",
    )
    told = of_watch(generation, standing.digest, judgement)
    if not told:
        settle(incidents, DRIFT, f"not seen any more on the items of generation {generation}")
    tell(incidents, told)
    if judgement.verdict is not Verdict.REGRESS:
        return Watched(standing.digest, judgement, None)
    detail = regression_in(judgement.affected)
    regression = Notice(REGRESSION, standing.digest, detail, "high", None, judgement.to_dict())
    return Watched(standing.digest, judgement, *tell(incidents, [regression]))


def guard_champion(
    examiner: Examiner,
    policy: GatePolicy,
    championship: Championship,
    incidents: IncidentLog,
    *,
    generation: int,
) -> tuple[Watched | None, Rollback | None]:
    """Watch the champion, whoever made it one, and roll it back at once where it regressed.

    Raises what `Championship.rollback` raises; the incident stays open then.
    """
    watched = watch_champion(examiner, policy, championship, incidents, generation=generation)
    if watched is None or watched.incident is None:
        return watched, None
    affected = watched.judgement.affected
    figures = {"severity": "high", "affected": list(affected)}
    done = championship.rollback(
        reason=regression_in(affected), kind="regression", expected=watched.champion, figures=figures
    )
    return watched, done
