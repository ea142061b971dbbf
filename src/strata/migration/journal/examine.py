"""Whether a step may be made: decided before anything is written."""

import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from strata.migration.journal.disk import MODE, Disk, Found
from strata.migration.journal.git import Git, is_committed
from strata.migration.journal.paths import Refused, check_path
from strata.migration.journal.switching import digest_of, was_edited
from strata.migration.project import Change, Step
from strata.store import MigrationFile, MigrationStep


@dataclass(frozen=True)
class Rules:
    """What the paths of some steps are held against.

    ignored: those that git ignores. committed: object ids of the last commit, None where uncommitted changes are no
    matter. ours: digests that this migration itself gave files.
    """

    ignored: frozenset[str]
    committed: Mapping[str, str] | None
    ours: frozenset[str | None]


def find_rules(git: Git, steps: Iterable[Step], ours: Iterable[str | None], *, allow_dirty: bool) -> Rules:
    """Ask git about the paths of the steps. Raises GitFailed."""
    paths = {change.path for step in steps for change in step.changes}
    usable = [path for path in sorted(paths) if _usable(path)]
    committed = git.committed() if git.there and not allow_dirty else None
    return Rules(git.ignored(usable), committed, frozenset(ours))


def examine(step: Step, disk: Disk, rules: Rules) -> MigrationStep:
    """The step as it goes into the journal: "applying", or "refused" with the reason."""
    try:
        found = {change.path: disk.find(change.path) for change in step.changes}
        if len(found) != len(step.changes) or not found:
            raise Refused("no-step", f"{step.name} names a file twice, or none")  # noqa: TRY301
        files = tuple(_examined(change, found, step, disk, rules) for change in step.changes)
    except Refused as refused:
        return MigrationStep(step.name, step.why, "refused", (), refused.reason.code, refused.reason.text)
    return MigrationStep(step.name, step.why, "applying", files)


def _examined(change: Change, found: Mapping[str, Found | None], step: Step, disk: Disk, rules: Rules) -> MigrationFile:
    path, before, after = change.path, digest(change.before), digest(change.after)
    if before == after:
        raise Refused("no-change", f"{path} would stay as it is")
    if path in rules.ignored:
        raise Refused("ignored", f"{path} is ignored by git")
    if digest_of(found[path]) != before:
        raise was_edited(path)
    clean = rules.committed is None or change.before is None or before in rules.ours
    if not clean and not is_committed(change.before or b"", (rules.committed or {}).get(path)):
        raise Refused("dirty", f"{path} has changes that are not committed; commit them, or allow a dirty tree")
    return MigrationFile(path, before, after, _mode(change, found, step), disk.missing_folders(path))


def _mode(change: Change, found: Mapping[str, Found | None], step: Step) -> int:
    """The file's own; for a new one that of the file of the same name, or the only one, that the step deletes."""
    if there := found[change.path]:
        return there.mode
    gone = [each for each in step.changes if each.after is None]
    name = change.path.rpartition("/")[2]
    alike = [each for each in gone if each.path.rpartition("/")[2] == name] or (gone if len(gone) == 1 else [])
    source = found[alike[0].path] if len(alike) == 1 else None
    return source.mode if source else MODE


def digest(data: bytes | None) -> str | None:
    """SHA-256 in hex; None for a file that is not there."""
    return None if data is None else hashlib.sha256(data).hexdigest()


def _usable(path: str) -> bool:
    try:
        check_path(path)
    except Refused:
        return False
    return True
