"""The watch: looks again and again for what is new or has changed, and tells it to each outlet, each thing once.

What was told is kept in the ledger, after it has arrived: whoever is killed in between tells it again, under the same
delivery id. An outlet that fails is left alone for a while by its circuit breaker, and holds up no other one.
"""

import logging
from collections import Counter
from collections.abc import Sequence

import trio

from strata.errors import StrataError
from strata.triage.breaker import Breaker
from strata.triage.desk import Desk
from strata.triage.notices import Notice, Outlet, OutletFailed, due

log = logging.getLogger(__name__)

EVERY_SECONDS = 1.0
PATIENCE_SECONDS = 30.0  # for one notice


async def watch(desk: Desk, outlets: Sequence[Outlet], *, every: float = EVERY_SECONDS) -> None:
    """Watch until cancelled, `every` so many seconds. Runs under trio, beside an API; one watch for a ledger.

    It goes on where the ledger or an outlet fails, and says so in the log.
    """
    async with trio.open_nursery() as nursery:
        for outlet in outlets:
            nursery.start_soon(Telling(desk, outlet).run, every)


class Telling:
    """What one outlet was told, and is to be told."""

    def __init__(self, desk: Desk, outlet: Outlet, breaker: Breaker | None = None) -> None:
        self._desk, self._outlet = desk, outlet
        self._breaker = breaker or Breaker()
        self._told: set[tuple[int, str]] | None = None  # None until it was read
        self._unwritten: list[Notice] = []  # told, but the ledger does not know yet
        self._failures: Counter[int] = Counter()  # by case

    async def run(self, every: float) -> None:
        """Look, again and again."""
        while True:
            try:
                await self.look()
            except StrataError as error:
                log.warning("cannot look for what is to be told to %s: %s", self._outlet.name, error)
            await trio.sleep(every)

    async def look(self) -> None:
        """Tell what is due, until something fails. Raises StrataError where the ledger does not work."""
        for notice in await trio.to_thread.run_sync(self._due):
            if not self._breaker.allows(trio.current_time()):
                return
            if not await self._tell(notice):
                self._failures[notice.case.id] += 1
                self._breaker.failed(trio.current_time())
                return
            self._breaker.succeeded()
            del self._failures[notice.case.id]
            self._unwritten.append(notice)
            await trio.to_thread.run_sync(self._write)

    def _due(self) -> list[Notice]:
        self._write()
        cases = self._desk.cases()
        oldest = min((each.id for each in cases), default=0)
        if self._told is None:
            self._told = set(self._desk.log.told(self._outlet.name, oldest))
        # What was refused waits for the others: it may be the notice, not the outlet, that is at fault.
        return sorted(due(cases, self._told, self._desk.now()), key=lambda each: self._failures[each.case.id])

    def _write(self) -> None:
        while self._unwritten:
            notice = self._unwritten[0]
            if self._told is not None:
                self._told.add((notice.case.id, notice.name))
            self._desk.log.tell(self._outlet.name, notice.case.id, notice.name)
            del self._unwritten[0]

    async def _tell(self, notice: Notice) -> bool:
        try:
            with trio.fail_after(PATIENCE_SECONDS):
                await self._outlet.tell(notice)
        except (OutletFailed, trio.TooSlowError) as error:
            log.warning(
                "%s was not told that case %d was %s: %s", self._outlet.name, notice.case.id, notice.what, error
            )
            return False
        except Exception:  # a defect of an outlet must not end the API
            log.exception("%s failed", self._outlet.name)
            return False
        return True
