"""An incident as a report: what was found, on which items, what was done, and how long that took."""

from collections.abc import Iterator, Mapping
from typing import get_args

from strata.evolution.report.chronicle import Chronicle, comparison
from strata.evolution.report.contents import Comparison, Report
from strata.pages import Severity
from strata.store import Change, Incident, IncidentLog, Ledger, LedgerError, Store


def incident_report(store: Store, ledger: Ledger, number: int) -> Report:
    """An incident of the evolution. Raises LedgerError where there is none of this number.

    Of a champion that regressed it tells against whom, by how much in which domain, since when it had been champion
    and by what judgement, who took its place, and when.
    """
    incident = IncidentLog(ledger).find(number)
    if incident is None:
        raise LedgerError(f"there is no incident {number}")
    told = Chronicle(store, ledger)
    rise, fall = _rise(told, incident), _fall(told, incident)
    severities: dict[str, Severity] = {each: each for each in get_args(Severity)}
    present = told.history[0].digest if told.history else None
    involved = [incident.subject, fall.digest if fall else None, rise.previous if rise else None, present]
    return Report(
        title=f"Incident {number}: {incident.kind} of {told.name(incident.subject)}",
        verdict=f"rolled back to {told.name(fall.digest)}" if fall else incident.state,
        severity=severities.get(str(incident.figures.get("severity")), "medium"),
        summary=_summary(told, incident, fall),
        evidence=tuple(_facts(told, incident, rise, fall)),
        done=tuple(_steps(told, incident, fall)),
        comparisons=tuple(_comparisons(told, incident, rise)),
        generations=told.generations(),
        family=told.relatives(filter(None, involved)),
    )


def latest_incident(ledger: Ledger, kind: str, subject: str) -> int | None:
    """Number of the latest incident of that kind about that model."""
    found = IncidentLog(ledger).recent(None, 1000)
    return next((each.id for each in found if (each.kind, each.subject) == (kind, subject)), None)


def _rise(told: Chronicle, incident: Incident) -> Change | None:
    """The promotion by which the incident's model was champion when it was noticed."""
    mine = (change for change in told.history if change.digest == incident.subject and change.kind == "promotion")
    return next((change for change in mine if change.moved <= incident.started), None)


def _fall(told: Chronicle, incident: Incident) -> Change | None:
    """The first rollback from it after that."""
    mine = (c for c in reversed(told.history) if c.previous == incident.subject and c.kind != "promotion")
    return next((change for change in mine if change.moved >= incident.started), None)


def _summary(told: Chronicle, incident: Incident, fall: Change | None) -> str:
    said = f"{told.named(incident.subject)}: {incident.detail}."
    if fall is None:
        return f"{said} The incident is {incident.state}."
    return (
        f"{said} {told.named(fall.digest)} took its place {_seconds(incident, fall)} after this was noticed, "
        "after every byte of it had been read and found right."
    )


def _facts(told: Chronicle, incident: Incident, rise: Change | None, fall: Change | None) -> Iterator[tuple[str, str]]:
    judged = incident.figures
    yield "model", told.named(incident.subject)
    if rise is not None:
        generation = f", generation {rise.generation}" if rise.generation else ""
        yield "champion since", f"{rise.moved:%Y-%m-%d %H:%M:%S} UTC{generation}: {rise.reason}"
        yield "judged against", f"{told.named(rise.previous)}, the champion before it"
    if "verdict" in judged:
        counts = ", ".join(f"{each['domain']} {each['items']:,}" for each in judged["domains"])
        yield "items", f"{judged['items']:,}, drawn afresh for the watch: {counts}"
        yield "dropped in", ", ".join(judged["affected"]) or "no domain"
        if judged["confidence"] is not None:
            yield "confidence of the verdict", f"{judged['confidence']:.2%}"
    yield "noticed", f"{incident.started:%Y-%m-%d %H:%M:%S} UTC"
    if fall is not None:
        yield "rolled back", f"{fall.moved:%Y-%m-%d %H:%M:%S} UTC, to {told.named(fall.digest)}"
        yield "from noticing to rollback", _seconds(incident, fall)
    elif incident.ended is not None:
        yield "ended", f"{incident.ended:%Y-%m-%d %H:%M:%S} UTC"
    if "verdict" not in judged:
        yield from ((name, _plain(value)) for name, value in judged.items() if name != "severity")


def _plain(value: object) -> str:
    """Figures of any incident, in words."""
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {_plain(each)}" for name, each in value.items())
    if isinstance(value, list):
        return "; ".join(map(_plain, value)) or "none"
    return f"{value:.4g}" if isinstance(value, float) else str(value)


def _steps(told: Chronicle, incident: Incident, fall: Change | None) -> Iterator[str]:
    yield f"noticed at {incident.started:%H:%M:%S}: {incident.detail}"
    if fall is not None:
        yield f"read every byte of {told.named(fall.digest)}, and found it whole"
        yield f"moved the champion's pointer to it at {fall.moved:%H:%M:%S}: {fall.reason}"
    if incident.response:
        ended = f" at {incident.ended:%H:%M:%S}" if incident.ended else ""
        yield f"incident {incident.state}{ended}: {told.worded(incident.response)}"


def _comparisons(told: Chronicle, incident: Incident, rise: Change | None) -> Iterator[Comparison]:
    model, reference = told.name(incident.subject), told.name(rise.previous if rise else None)
    if "verdict" in incident.figures:
        title = "What was found: the champion against the one before it"
        yield comparison(incident.figures, title, model, reference, "fresh items of the watch")
    if (judged := told.judgement(rise)) is not None:
        title = "What the gate had said before it was promoted"
        yield comparison(judged, title, model, reference, "gate items")


def _seconds(incident: Incident, fall: Change) -> str:
    return f"{(fall.moved - incident.started).total_seconds():.2f} s"
