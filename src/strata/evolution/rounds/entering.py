"""Founders: entered from folders or the store, mended from folders, and left out where they hold what is no number."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from strata.errors import StrataError
from strata.evolution.lineage import DAMAGED, PIPELINE, Family, damage
from strata.evolution.models import BadModel, not_finite, put_model
from strata.evolution.rounds.founders import Founder, Stored, enter_founder
from strata.evolution.rounds.notices import Notice
from strata.evolution.rounds.telling import tell
from strata.store import IncidentLog

SPOILED = "spoiled founder"


@dataclass(frozen=True)
class Founders:
    """The models that a family is bred from; the base, if there is one, cannot be left out."""

    family: Family
    incidents: IncidentLog
    parents: Sequence[Founder]
    base: Founder | None

    def enter(self) -> dict[str, str]:
        """Store and enter all of them, damaged ones anew; digests by name.

        A parent whose weights are not all finite is left out, and an incident stays open about it until its folder has
        others. Raises StrataError for what cannot be read, for two of one name, for such a base, and where no parent is
        left.
        """
        given = [*self.parents, *([self.base] if self.base else [])]
        names = [founder.name for founder in given]
        if len(set(names)) < len(names):
            raise StrataError(f"two founders have the same name: {', '.join(names)}")
        self.mend()
        known = {record.digest for record in self.family.lineage.founders()}
        found: dict[str, str] = {}
        for founder in given:
            digest = enter_founder(self.family.store, founder)
            # What was entered once was looked at then.
            wrong = {} if digest in known else not_finite(self.family.store, digest)
            if wrong:
                self._leave_out(founder, wrong)
                continue
            self.family.add_founder(digest, founder.name)
            found[founder.name] = digest
        for incident in self.incidents.open_ones(PIPELINE, SPOILED):
            if incident.subject not in {*names} - found.keys():
                self.incidents.resolve(incident.id, "no founder of this name holds any such weight")
        if not any(parent.name in found for parent in self.parents):
            raise StrataError("no parent is left whose weights are finite: name others")
        return found

    def mend(self) -> tuple[str, ...]:
        """Store those anew that are damaged in the store, from their folders; digests of those that are whole again.

        An incident tells of each, and stays open where its folder does not hold its files any more.
        """
        given = (*self.parents, *([self.base] if self.base else []))
        folders = {founder.name: founder for founder in given if not isinstance(founder, Stored)}
        mended = []
        for record in self.family.lineage.founders():
            folder = folders.get(record.name)
            if folder is None or (wrong := damage(self.family.store, record.digest)) is None:
                continue
            again = self._put(folder) == record.digest
            done = f"stored again from {folder}" if again else None
            figures = {"founder": record.name, "folder": str(folder)}
            detail = wrong if again else f"{wrong}; {folder} has other files than {record.name} had: put those back"
            tell(self.incidents, [Notice(DAMAGED, record.digest, detail, "high", done, figures)], again=True)
            if again:
                mended.append(record.digest)
        return tuple(mended)

    def _put(self, folder: Path) -> str | None:
        try:
            return put_model(self.family.store, folder).digest
        except (BadModel, FileNotFoundError):
            return None

    def _leave_out(self, founder: Founder, wrong: dict[str, int]) -> None:
        tensor, count = next(iter(wrong.items()))
        where = founder.name if isinstance(founder, Stored) else founder
        detail = f"{sum(wrong.values())} weights are NaN or infinite, {count} of them in {tensor}"
        if founder == self.base:
            raise StrataError(f"the base model {where}: {detail}; name another one")
        figures = {"tensors": len(wrong), "weights": sum(wrong.values())}
        tell(self.incidents, [Notice(SPOILED, founder.name, f"{where} is left out: {detail}", "high", None, figures)])
