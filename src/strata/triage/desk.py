"""The desk: the cases of a ledger as they stand now, and what people decide about them.

It keeps what it has read, and reads only what is new or has ended since: of a log of any length the latest part.
"""

from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from threading import Lock
from typing import Literal

from strata.closing import Closing
from strata.errors import StrataError
from strata.store import CaseLog, Decision, Incident, Ledger, Verdict
from strata.triage.case import Case, CaseState
from strata.triage.cases import triage
from strata.triage.rules import Rules, Severity, read_rules

NEWEST = 2000  # of the log's latest incidents, whatever became of them
FRESH_SECONDS = 60.0  # for so long nothing changes by the passing of time alone that anybody would miss

Wanted = CaseState | Literal["unresolved"]


class NoSuchCase(StrataError):
    """There is no case of that number."""


class CaseIsResolved(StrataError):
    """Nothing is left to be decided about this case."""


@dataclass(frozen=True)
class Summary:
    """states: cases in each; severities, pipelines: those that are not resolved; oldest: of these, since when."""

    states: Mapping[str, int]
    severities: Mapping[str, int]
    pipelines: Mapping[str, int]
    oldest: datetime | None


class Desk(Closing):
    """Over a ledger, its URL or an open one. Safe to use from many threads. Close it, or use it as a context.

    newest: it looks back over so many incidents, and over the open ones and what belongs to a case with any of them.
    Older cases are found by their number only.
    """

    def __init__(
        self,
        ledger: str | Ledger,
        rules: Rules | None = None,
        *,
        newest: int = NEWEST,
        now: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self.log = CaseLog(ledger)
        self._rules = rules or read_rules()
        self._newest, self.now = newest, now
        self._lock = Lock()
        self._incidents: dict[int, Incident] = {}
        self._decisions: dict[int, Decision] = {}
        self._grown = newest  # read anew when it has grown by so many
        self._cases: Mapping[int, Case] = {}
        self._made: datetime | None = None

    def close(self) -> None:
        """Close the connections, unless they are another's."""
        self.log.close()

    def cases(
        self,
        state: Wanted | None = None,
        severity: Severity | None = None,
        pipeline: str | None = None,
        limit: int | None = None,
        before: int | None = None,
    ) -> tuple[Case, ...]:
        """The cases with all that is asked for, the newest first; before: only those with lower numbers."""
        found = [
            each
            for number, each in sorted(self._look().items(), reverse=True)
            if (before is None or number < before)
            and (state is None or each.state == state or (state == "unresolved" and each.state != "resolved"))
            and severity in (None, each.severity)
            and pipeline in (None, each.pipeline)
        ]
        return tuple(found[:limit])

    def case(self, number: int) -> Case:
        """The case of that number, however old. Raises NoSuchCase.

        Of one that is older than the look back goes, what explains it is not known.
        """
        found = self._look().get(number)
        if found is None:
            related = self.log.related(number, self._rules)
            alone = triage(related, self.log.decisions(since=number), self._rules, self.now()) if related else ()
            found = next((each for each in alone if each.id == number), None)
        if found is None:
            raise NoSuchCase(f"there is no case {number}; `strata incidents` lists them")
        return found

    def summary(self) -> Summary:
        """How many there are of which sort."""
        cases = self._look().values()
        left = [each for each in cases if each.state != "resolved"]
        return Summary(
            states={"open": 0, "acknowledged": 0, "resolved": 0} | Counter(each.state for each in cases),
            severities={"high": 0, "medium": 0, "low": 0} | Counter(each.severity for each in left),
            pipelines=Counter(each.pipeline for each in left),
            oldest=min((each.first for each in left), default=None),
        )

    def acknowledge(self, number: int, by: str, reason: str = "") -> Case:
        """Note that somebody is at it; the case as it is then. Raises NoSuchCase, CaseIsResolved, LedgerError."""
        return self._decide(number, "acknowledged", by, reason)

    def resolve(self, number: int, by: str, reason: str) -> Case:
        """End the case, and its incidents that are open in the log: what is still wrong is found, and begun, again.

        Raises as `acknowledge`.
        """
        return self._decide(number, "resolved", by, reason)

    def _decide(self, number: int, state: Verdict, by: str, reason: str) -> Case:
        case = self.case(number)
        if case.state == "resolved":
            raise CaseIsResolved(f"case {number} is resolved already; it opens again by itself if it happens again")
        ends = case.unended if state == "resolved" else ()
        self.log.decide(number, state, by, reason, not_before=case.since, ends=ends)
        return self.case(number)

    def _look(self) -> Mapping[int, Case]:
        with self._lock:
            now = self.now()
            changed = self._read()
            stale = self._made is None or (now - self._made).total_seconds() > FRESH_SECONDS
            if changed or stale:
                cases = triage(self._incidents.values(), self._decisions.values(), self._rules, now)
                self._cases, self._made = {each.id: each for each in cases}, now
            return self._cases

    def _read(self) -> bool:
        """Read what is new; whether there was anything."""
        if self._incidents and len(self._incidents) < self._grown:
            unended = [number for number, each in self._incidents.items() if each.state == "open"]
            changes = self.log.changed(max(self._incidents), unended)
            incidents = {each.id: each for each in changes if self._incidents.get(each.id) != each}
            self._incidents |= incidents
        else:
            incidents = {each.id: each for each in self.log.recent(self._newest, self._rules)}
            if incidents == self._incidents:
                return False
            self._incidents, self._decisions = incidents, {}
            self._grown = len(incidents) + self._newest
        decisions = self.log.decisions(max(self._decisions, default=0), min(self._incidents, default=0))
        self._decisions |= {each.id: each for each in decisions}
        return bool(incidents or decisions)
