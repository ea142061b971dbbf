"""The champion after its promotion: is it still no worse than the one before, on items that nobody has seen?"""

from dataclasses import dataclass

from strata.evolution.lineage import PIPELINE, Championship
from strata.evolution.regression import GatePolicy, Judgement, Verdict
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.judging import judge_candidate
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
