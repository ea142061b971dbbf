"""The champion after its promotion: is it still no worse than the one before, on items that nobody has seen?"""

from dataclasses import dataclass

from strata.evolution.lineage import Championship, Rollback
from strata.evolution.regression import GatePolicy, Judgement, Verdict
from strata.evolution.rounds.examiner import Examiner
from strata.evolution.rounds.judging import judge_candidate
from strata.store import IncidentLog

PIPELINE = "evolution"
REGRESSION = "regression"


@dataclass(frozen=True)
class Watched:
    """judgement: of the champion against the one before it; rollback: what was done where it had become worse."""

    champion: str
    judgement: Judgement
    rollback: Rollback | None


def watch_champion(
    examiner: Examiner,
    policy: GatePolicy,
    championship: Championship,
    incidents: IncidentLog,
    *,
    generation: int,
    automatic: bool,
) -> Watched | None:
    """Judge the champion anew, and roll it back where it regressed; None where there is none before it.

    generation: of fresh items, one that nothing was judged on. automatic: else the incident stays open for a person.
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
    )
    if judgement.verdict is not Verdict.REGRESS:
        return Watched(standing.digest, judgement, None)
    affected = ", ".join(judgement.affected)
    reason, figures = f"worse than the champion before it in {affected}", {"severity": "high"} | judgement.to_dict()
    if automatic:
        done = championship.rollback(reason=reason, kind="regression", expected=standing.digest, figures=figures)
        return Watched(standing.digest, judgement, done)
    if not incidents.open_ones(PIPELINE, REGRESSION, standing.digest):
        incidents.begin(pipeline=PIPELINE, kind=REGRESSION, subject=standing.digest, detail=reason, figures=figures)
    return Watched(standing.digest, judgement, None)
