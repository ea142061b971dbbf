"""The table of cases that a person may have to do something about, as an artifact of a Prefect run."""

from prefect import get_run_logger, task
from prefect.artifacts import create_table_artifact
from prefect.cache_policies import NO_CACHE

from strata.settings import Settings
from strata.triage import SEVERITIES, Case, Desk, read_rules
from tasks.triage_parameters import TriageParameters

TRIAGE = "triage"  # key of the artifact
_MOST = 200  # rows


@task(name="publish cases", cache_policy=NO_CACHE)
def publish_cases(parameters: TriageParameters, settings: Settings) -> int:
    """Show the cases that are not resolved, the most severe first; returns how many there are."""
    with Desk(settings.ledger, read_rules(settings.triage_rules)) as desk:
        found = desk.cases("unresolved")
    least = SEVERITIES.index(parameters.least)
    cases = tuple(case for case in found if SEVERITIES.index(case.severity) >= least)
    rows = [row(case) for case in sorted(cases, key=_urgency)[:_MOST]]
    said = sentence(cases)
    create_table_artifact(rows or [{"case": "none"}], key=TRIAGE, description=said)
    get_run_logger().info(said)
    return len(cases)


def row(case: Case) -> dict[str, str | int]:
    """What the table says of a case."""
    return {
        "case": case.id,
        "severity": case.severity,
        "state": case.state,
        "pipeline": case.pipeline,
        "what": f"{case.kind}: {case.subject}",
        "why": case.detail,
        "because of": "" if case.cause is None else f"case {case.cause}",
        "times": case.count,
        "since": f"{case.since:%Y-%m-%d %H:%M:%S}",
        "done by itself": case.response or case.playbook.automatic,
        "to do": " ".join(f"{number}. {step}" for number, step in enumerate(case.playbook.steps, 1)),
    }


def sentence(cases: tuple[Case, ...]) -> str:
    """All of them in a line."""
    if not cases:
        return "No case is open."
    counted = [f"{sum(each.severity == severity for each in cases)} {severity}" for severity in reversed(SEVERITIES)]
    explained = sum(each.cause is not None for each in cases)
    more = f", of which {explained} are explained by another" if explained else ""
    return (
        f"{len(cases)} cases are not resolved: {', '.join(counted)}{more}. `strata incidents show N` says all of one."
    )


def _urgency(case: Case) -> tuple[int, bool, int]:
    return -SEVERITIES.index(case.severity), case.cause is not None, -case.id
