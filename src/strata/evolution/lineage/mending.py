"""Damaged models made whole again, with an incident about each."""

from collections.abc import Callable
from dataclasses import dataclass

from strata.errors import StrataError
from strata.evolution.lineage.rebuilding import Remaking
from strata.evolution.lineage.sound import verify_model
from strata.evolution.models import ModelManifest

DAMAGED = "damaged model"  # kind of the incidents


@dataclass(frozen=True)
class Mending:
    """remaking: makes models again from their recipes. begin: opens the incident about a model, or finds the open one,
    by what is wrong with it; end: ends it, by what was done.
    """

    remaking: Remaking
    begin: Callable[[str, str], int]
    end: Callable[[int, str], None]

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

    def remake(self, digest: str, wrong: str) -> str | None:
        """Make a damaged model again; what hindered it, and then the incident stays open."""
        incident = self.begin(digest, wrong)
        if (hindrance := self.remaking.remake(digest)) is None:
            self.end(incident, "made again from its recipe, bit for bit")
        return hindrance
