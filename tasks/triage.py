"""The table of cases, as an artifact of a Prefect run: what a person may have to do something about comes first.

What was resolved of late is shown, too: much is mended by itself before anybody could look.
"""

from collections.abc import Sequence
from datetime import timedelta

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
    """Show the cases that are not resolved, the most severe first, then those that were of late.

    Returns how many are not resolved.
    """
    with Desk(settings.ledger, read_rules(settings.triage_rules)) as desk:
        known, now = desk.cases(), desk.now()
    least = SEVERITIES.index(parameters.least)
    shown = [case for case in known if SEVERITIES.index(case.severity) >= least]
    left = [case for case in shown if case.state != "resolved"]
    since = now - timedelta(hours=parameters.resolved_hours)
    over = [case for case in shown if case.state == "resolved" and case.changed >= since]
    ordered = sorted(left, key=_urgency) + sorted(over, key=lambda case: case.changed, reverse=True)
    said = sentence(left, len(over), parameters.resolved_hours)
    create_table_artifact([row(case) for case in ordered[:_MOST]] or [{"case": "none"}], key=TRIAGE, description=said)
    get_run_logger().info(said)
    return len(left)


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


def sentence(left: Sequence[Case], over: int, hours: float) -> str:
    """All of them in a line: those that are left, and how many were resolved within so many hours."""
    done = f" Resolved in the last {hours:g} hours: {over}." if over else ""
    if not left:
        return f"No case is open.{done}"
    counted = [f"{sum(each.severity == severity for each in left)} {severity}" for severity in reversed(SEVERITIES)]
    explained = sum(each.cause is not None for each in left)
    more = f", of which {explained} are explained by another" if explained else ""
    return (
        f"{len(left)} cases are not resolved: {', '.join(counted)}{more}.{done} "
        "`strata incidents show N` says all of one."
    )


def _urgency(case: Case) -> tuple[int, bool, int]:
    return -SEVERITIES.index(case.severity), case.cause is not None, -case.id
