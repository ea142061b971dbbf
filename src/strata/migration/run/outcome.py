"""What a migration came to."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

from strata.migration.dynamic import SuiteCompared
from strata.migration.rewrite import Refusal
from strata.migration.run.plan import Figures
from strata.store import MigrationStep

# kept: changed. refused: not changed. rolled-back: changed, and changed back. left: cannot be brought back.
FileState = Literal["kept", "refused", "rolled-back", "applied", "left"]
UNVERIFIABLE = "unverifiable"  # kept on the static proof alone, since importing it failed before
STATIC = "static"  # kept on the static proof alone, as was asked


@dataclass(frozen=True, slots=True)
class FileOutcome:
    """A file; code and reason: why it was refused or rolled back, or kept on the static proof alone."""

    path: str
    state: FileState
    code: str = ""
    reason: str = ""


@dataclass(frozen=True)
class SuiteOutcome:
    """The project's tests before and after: counts by result. different: with the results, by test; what is rolled back

    for it is in `rolled_back`. skipped: why no tests were run.
    """

    before: Mapping[str, int] = field(default_factory=dict)
    after: Mapping[str, int] = field(default_factory=dict)
    different: Mapping[str, tuple[str | None, str | None]] = field(default_factory=dict)
    unstable: tuple[str, ...] = ()
    rolled_back: tuple[str, ...] = ()
    skipped: str = ""


@dataclass(frozen=True)
class Migrated:
    """The end of a migration.

    files: those that the plan names. refusals: what the plan left alone. before, after: figures of the project.
    suite: None where the tests were not asked for.
    """

    migration: int | None
    tree: str
    strategy: str
    files: tuple[FileOutcome, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    before: Figures = field(default_factory=Figures)
    after: Figures = field(default_factory=Figures)
    suite: SuiteOutcome | None = None

    def count(self, state: FileState) -> int:
        """Files that ended so."""
        return sum(file.state == state for file in self.files)

    @property
    def reasons(self) -> Mapping[str, int]:
        """Why imports and files were left as they are: counts by code, the most frequent first."""
        found = Counter(refusal.code for refusal in self.refusals)
        found.update(file.code for file in self.files if file.state in {"refused", "rolled-back"})
        return dict(found.most_common())

    def to_json(self) -> dict[str, Any]:
        """A JSON object."""
        shares = {"share_before": self.before.share, "share_after": self.after.share}
        counts = {state: self.count(state) for state in ("kept", "refused", "rolled-back", "applied", "left")}
        return asdict(self) | shares | {"counts": counts, "reasons": dict(self.reasons)}


def file_outcome(step: MigrationStep) -> FileOutcome:
    """What the journal says of a file."""
    if step.state == "restored":
        return FileOutcome(step.name, "rolled-back", step.code, step.reason)
    if step.state in {"kept", "refused"}:
        return FileOutcome(
            step.name, "left" if step.code == "edited" and step.state == "kept" else step.state, step.code, step.reason
        )
    return FileOutcome(step.name, "applied", step.code, step.reason)


def counted(compared: SuiteCompared, rolled_back: tuple[str, ...] = ()) -> SuiteOutcome:
    """The counts of a comparison."""
    before, after = (dict(Counter(run.results.values())) for run in (compared.before, compared.after))
    why = compared.before.why_none or compared.after.why_none
    return SuiteOutcome(before, after, compared.different, compared.unstable, rolled_back, why)
