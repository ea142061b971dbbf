"""What the ledger keeps of a generation: the failures of its stages and, under a name, its tokens."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress

from strata.inference.run.errors import StageFailed
from strata.inference.run.journal import Journal
from strata.store import AnswerLog, IncidentLog, LedgerError

PIPELINE = "inference"
LEAK = "memory leak"


class RecordedFailures:
    """A `told.Watcher` that writes each failure down as an incident."""

    def __init__(self, log: IncidentLog) -> None:
        self._log = log

    def failed(self, failure: StageFailed) -> int:
        """Begin an incident."""
        first, last = failure.layers
        figures = {"first_layer": first, "last_layer": last}
        return self._log.begin(
            pipeline=PIPELINE, kind="stage failed", subject=failure.node, detail=failure.reason, figures=figures
        )

    def recovered(self, key: int, response: str, seconds: float) -> None:
        """Resolve it."""
        with suppress(LedgerError):  # a person has resolved it meanwhile
            self._log.resolve(key, response, {"seconds": seconds})

    def gave_up(self, key: int, response: str) -> None:
        """Abandon it."""
        with suppress(LedgerError):  # a person has resolved it meanwhile
            self._log.abandon(key, response)

    def leaking(self, node: str, detail: str) -> None:
        """Begin an incident, which stays open: nothing is done about it here."""
        self._log.begin(pipeline=PIPELINE, kind=LEAK, subject=node, detail=detail)

    def sound(self, node: str, response: str) -> None:
        """Resolve what earlier runs, too, had begun."""
        for incident in self._log.open_ones(PIPELINE, LEAK, node):
            with suppress(LedgerError):  # another coordinator has just done the same
                self._log.resolve(incident.id, response)


@contextmanager
def recording(ledger: str, name: str | None = None) -> Iterator[tuple[RecordedFailures, Journal | None]]:
    """Yield who writes down failures in the ledger (an URL), and the journal of the answer `name`, if it has one."""
    with ExitStack() as stack:
        failures = RecordedFailures(stack.enter_context(IncidentLog(ledger)))
        yield failures, Journal(stack.enter_context(AnswerLog(ledger)), name) if name is not None else None
