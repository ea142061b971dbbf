"""Keeping parts up: one that dies, or does not answer for long, is started again, ever more slowly if it goes on so."""

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from deployments.parts import Part, Process
from strata.errors import StrataError
from strata.files import make_folder
from strata.store import IncidentLog, LedgerError
from strata.triage import Breaker

POLL_SECONDS = 0.5
STEADY_SECONDS = 60.0  # of being well, after which its failures are forgotten
PIPELINE, KIND = "operations", "part died"

Say = Callable[[str], None]
Before = Callable[[Part], None]


class PartDidNotStart(StrataError):
    """A part ended, or did not answer, before it was well for the first time."""


@dataclass
class _Watched:
    """A part under watch. process: None while it is down. unwell: since when it does not answer, None while it does."""

    part: Part
    process: Process | None
    well_since: float
    breaker: Breaker = field(default_factory=Breaker)
    unwell: float | None = None
    incident: int | None = None


class Supervisor:
    """Starts parts in their order and keeps them up, from one thread: `start` each, `look` again and again, `end`.

    before: called before a part is started again, while it does not run. stopping: whether to give up what takes long.
    """

    def __init__(
        self,
        environment: Mapping[str, str],
        logs: Path,
        ledger: str,
        *,
        say: Say,
        before: Before,
        stopping: Callable[[], bool],
    ) -> None:
        self._environment, self._logs, self._ledger = environment, logs, ledger
        self._say, self._before, self._stopping = say, before, stopping
        self._watched: dict[str, _Watched] = {}
        make_folder(logs)

    @property
    def processes(self) -> Mapping[str, int]:
        """Process ids of the parts that run, by name."""
        return {name: each.process.pid for name, each in self._watched.items() if each.process is not None}

    def start(self, part: Part) -> None:
        """Start a part and wait until it is well. Raises PartDidNotStart."""
        process = self._run(part)
        self._watched[part.name] = _Watched(part, process, time.monotonic())
        if process.wait(part.starting, self._stopping) or self._stopping():
            return
        last = self._last_words(part)
        raise PartDidNotStart(f"the {part.name} did not start: {last} (see {self._log(part)})")

    def look(self) -> None:
        """See to every part once: note who died, start whose turn it is, forget failures that are long ago."""
        for each in self._watched.values():
            if self._stopping():
                return
            if each.process is None:
                self._start_again(each)
            else:
                self._examine(each, each.process)

    def end(self, name: str) -> None:
        """End a part, and watch it no more."""
        each = self._watched.pop(name, None)
        if each is not None and each.process is not None:
            each.process.end()

    def _examine(self, each: _Watched, process: Process) -> None:
        now = time.monotonic()
        if process.status is not None:
            self._died(each, process, f"it ended with status {process.status}")
        elif process.is_well():
            each.unwell = None
            if each.incident is not None:
                self._resolve(each)
            if now - each.well_since > STEADY_SECONDS:
                each.breaker.succeeded()
        elif each.unwell is None:
            each.unwell = now
        elif now - each.unwell > each.part.patience:
            self._died(each, process, f"it did not answer {each.part.health} for {each.part.patience:.0f} s")

    def _died(self, each: _Watched, process: Process, why: str) -> None:
        process.end(10.0)
        each.process, each.unwell = None, None
        each.breaker.failed(time.monotonic())
        self._say(f"{each.part.name} is down: {why}")
        if each.incident is None:
            detail = f"{why}; its last words: {self._last_words(each.part)}"
            try:
                with IncidentLog(self._ledger) as log:
                    each.incident = log.begin(pipeline=PIPELINE, kind=KIND, subject=each.part.name, detail=detail)
            except LedgerError as error:
                self._say(f"no incident was written down: {error}")

    def _start_again(self, each: _Watched) -> None:
        if not each.breaker.allows(time.monotonic()):
            return
        try:
            self._before(each.part)
            each.process = self._run(each.part)
        except (StrataError, OSError) as error:
            each.breaker.failed(time.monotonic())
            self._say(f"{each.part.name} cannot be started now: {error}")
            return
        each.well_since = time.monotonic()
        each.unwell = each.well_since + max(0.0, each.part.starting - each.part.patience)
        self._say(f"{each.part.name} was started again")

    def _resolve(self, each: _Watched) -> None:
        assert each.incident is not None
        try:
            with IncidentLog(self._ledger) as log:
                log.resolve(each.incident, "it was started again, and answers")
        except LedgerError as error:
            self._say(f"the end of incident {each.incident} was not written down: {error}")
        each.incident = None

    def _run(self, part: Part) -> Process:
        return Process(part, self._environment, self._log(part))

    def _log(self, part: Part) -> Path:
        return self._logs / f"{part.name}.log"

    def _last_words(self, part: Part) -> str:
        with self._log(part).open("rb") as log:
            log.seek(max(0, log.seek(0, 2) - 4096))
            lines = [line for line in log.read().decode(errors="replace").splitlines() if line.strip()]
        return lines[-1].strip() if lines else "it said nothing"
