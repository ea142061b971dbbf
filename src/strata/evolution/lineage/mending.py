"""Damaged models made whole again, with an incident about each."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from strata.errors import StrataError
from strata.evolution.lineage.rebuilding import Remaking
from strata.evolution.lineage.rollback import Rollback
from strata.evolution.lineage.sound import damage, verify_model
from strata.evolution.models import ModelManifest
from strata.store import IncidentLog

PIPELINE = "evolution"  # of the incidents
DAMAGED = "damaged model"  # kind of the incidents


class RollBack(Protocol):
    """`Championship.rollback`."""

    def __call__(self, *, reason: str, expected: str | None) -> Rollback:
        """From the champion `expected` to the last good one before it."""
        ...


@dataclass(frozen=True)
class Mending:
    """remaking: makes models again from their recipes. open_incident: (kind, subject, detail, figures) of an incident
    to be opened, or found where it is open.
    """

    remaking: Remaking
    incidents: IncidentLog
    open_incident: Callable[[str, str, str, dict[str, str]], int]

    def whole(self, digest: str) -> ModelManifest:
        """Its manifest, every byte verified; a damaged model is made again first, where that can be.

        Raises what `verify_model` raises.
        """
        try:
            return verify_model(self.remaking.store, digest)
        except (StrataError, OSError) as error:
            if self.remaking.merge is None or self.remake(digest, str(error)) is not None:
                raise
        return verify_model(self.remaking.store, digest)

    def champion(self, digest: str, roll_back: RollBack) -> Rollback | None:
        """Have the champion whole, or the last good one in its place; that rollback. Raises what `roll_back` raises."""
        if (wrong := damage(self.remaking.store, digest)) is None or (why := self.remake(digest, wrong)) is None:
            return None
        done = roll_back(reason=f"its files are lost: {wrong} ({why})", expected=digest)
        self.settle(digest, f"rolled back to {done.target}")
        return done

    def remake(self, digest: str, wrong: str) -> str | None:
        """Make a damaged model again; what hindered it, and then the incident stays open."""
        self.begin(digest, wrong)
        if (hindrance := self.remaking.remake(digest)) is None:
            self.settle(digest, "made again from its recipe, bit for bit")
        return hindrance

    def begin(self, digest: str, wrong: str) -> int:
        """Have an incident open about a damaged model."""
        return self.open_incident(DAMAGED, digest, wrong, {"severity": "high"})

    def settle(self, digest: str, response: str) -> None:
        """End the incidents about a model that is damaged no more, or needed no more."""
        for incident in self.incidents.open_ones(PIPELINE, DAMAGED, digest):
            self.incidents.resolve(incident.id, response)
