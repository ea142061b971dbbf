"""The champion after its promotion: is it still no worse than the one before, on items that nobody has seen?"""

from dataclasses import dataclass

from strata.evolution.lineage import PIPELINE, Championship, Rollback
from strata.evolution.regression import GatePolicy, Judgement, Verdict
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.judging import judge_candidate
from strata.evolution.rounds.notices import DRIFT, of_watch
from strata.evolution.rounds.telling import settle, tell
from strata.store import IncidentLog

REGRESSION = "regression"


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
    known = incidents.open_ones(PIPELINE, REGRESSION, standing.digest)
    if known:
        return Watched(standing.digest, judgement, known[0].id)
    detail = f"worse than the champion before it in {', '.join(judgement.affected)}"
    figures = {"severity": "high"} | judgement.to_dict()
    incident = incidents.begin(
        pipeline=PIPELINE, kind=REGRESSION, subject=standing.digest, detail=detail, figures=figures
    )
    return Watched(standing.digest, judgement, incident)


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
    reason = f"worse than the champion before it in {', '.join(watched.judgement.affected)}"
    figures = {"severity": "high", "affected": list(watched.judgement.affected)}
    done = championship.rollback(reason=reason, kind="regression", expected=watched.champion, figures=figures)
    return watched, done
