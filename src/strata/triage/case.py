"""A case: what is the matter, since when, why, what was done, and what a person should do and has said."""

from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, Any, Literal

from strata.triage.rules import Severity

if TYPE_CHECKING:
    from strata.store import Decision

CaseState = Literal["open", "acknowledged", "resolved"]
_SHOWN = 50  # numbers of a case's incidents and effects in a document


@dataclass(frozen=True)
class Playbook:
    """automatic: what is done by itself about cases of this kind; steps: what a person should do."""

    automatic: str
    steps: tuple[str, ...]


@dataclass(frozen=True)
class Case:
    """id: of its first incident. subject: who or what; detail and response: of the latest incident that has one.

    count: incidents of it; openings: how often it was opened, again after it was resolved too. first, last: when the
    first and the latest incident began. since: when it was opened last, changed: when its state changed last. ended:
    when it was over, None as long as it is not. unended: incidents that are open in the log. cause: the case that
    explains it, effects: those that it explains. decisions: what people said of it, the oldest first.
    """

    id: int
    pipeline: str
    kind: str
    subject: str
    severity: Severity
    state: CaseState
    detail: str
    response: str
    count: int
    openings: int
    first: datetime
    last: datetime
    since: datetime
    changed: datetime
    ended: datetime | None
    incidents: tuple[int, ...]
    unended: tuple[int, ...]
    playbook: Playbook
    decisions: "tuple[Decision, ...]" = ()
    cause: int | None = None
    effects: tuple[int, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """For machines: plain data; of many incidents and effects the latest numbers only."""
        plain = ("id", "pipeline", "kind", "subject", "severity", "state", "detail", "response", "count", "openings")
        times = ("first", "last", "since", "changed", "ended")
        return {
            **{name: getattr(self, name) for name in plain},
            **{name: _text(getattr(self, name)) for name in times},
            "incidents": list(self.incidents[-_SHOWN:]),
            "cause": self.cause,
            "effects": list(self.effects[-_SHOWN:]),
            "playbook": {"automatic": self.playbook.automatic, "steps": list(self.playbook.steps)},
            "decisions": [
                {"state": each.state, "by": each.by, "reason": each.reason, "decided": _text(each.decided)}
                for each in self.decisions
            ],
        }


def _text(time: datetime | None) -> str | None:
    return None if time is None else time.isoformat()
