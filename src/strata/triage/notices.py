"""What there is to tell of a case, each thing under a name of its own, and the port to whom it is told."""

from collections.abc import Container, Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal, Protocol

from strata.errors import StrataError
from strata.triage.case import Case

What = Literal["opened", "acknowledged", "resolved"]
NEWS = timedelta(days=1)  # what was resolved longer ago is not told any more


class OutletFailed(StrataError):
    """It could not be told; it is tried again."""


@dataclass(frozen=True)
class Notice:
    """what: happened to the case, which is told as it is now."""

    what: What
    case: Case

    @property
    def name(self) -> str:
        """Of what happened, the same however often it is told: "opened", or "opened 2" where it was opened again."""
        return self.what if self.case.openings == 1 else f"{self.what} {self.case.openings}"

    @property
    def delivery(self) -> str:
        """For receivers, so that they know what they have had already: "12-opened-1"."""
        return f"{self.case.id}-{self.what}-{self.case.openings}"

    def to_json(self) -> dict[str, Any]:
        """For machines."""
        return {
            "type": f"strata.incident.{self.what}",
            "timestamp": self.case.changed.isoformat(),
            "data": self.case.to_json(),
        }


class Outlet(Protocol):
    """Somebody who is told."""

    @property
    def name(self) -> str:
        """Under which it is kept what was told, of at most 128 characters."""
        ...

    async def tell(self, notice: Notice) -> None:
        """Tell it, and come back when it has arrived. Under trio. Raises OutletFailed."""
        ...


def due(cases: Iterable[Case], told: Container[tuple[int, str]], now: datetime) -> list[Notice]:
    """What is to be told, in the order of the cases, what happened first to each first.

    A case that was opened and resolved between two looks is told to be opened, and then to be resolved.
    """
    found: list[Notice] = []
    for case in sorted(cases, key=lambda each: each.id):
        if case.state == "resolved" and case.changed < now - NEWS:
            continue
        stages: tuple[What, ...] = ("opened",) if case.state == "open" else ("opened", case.state)
        notices = (Notice(what, case) for what in stages)
        found += [notice for notice in notices if (case.id, notice.name) not in told]
    return found
