"""The journal: what is to become of files is in the ledger, and their bytes in the store, before any is touched.

Invariants, at every instant and after a kill at any point:

- a file of the tree is whole: as it was before a step, or as it is after it;
- a step that the ledger does not name has touched nothing; the bytes of one that it names are in the store;
- a step "applying" or "restoring" with nobody holding the lock was broken off: `resume` or `roll_back` ends it.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

from strata.closing import Closing
from strata.files import locked
from strata.migration.journal.disk import Disk
from strata.migration.journal.examine import digest, examine, find_rules
from strata.migration.journal.git import Git
from strata.migration.journal.locks import JournalError, only_run, operations
from strata.migration.journal.packs import Packs
from strata.migration.journal.switching import Switching, digest_of, later_first, was_edited
from strata.migration.project import BadProject, Change, Step
from strata.store import Migration, MigrationLog, MigrationState, MigrationStep, StepState, Store

_OPEN: tuple[StepState, ...] = ("applying", "restoring")
_MADE: tuple[StepState, ...] = (
    "applying",
    "applied",
    "kept",
    "restoring",
)  # steps of which a file may be at its after side


class Journal(Closing):
    """Migrations of the tree at `root`. To be closed; many processes may have one of the same tree.

    locks: a folder for lock files. Raises BadProject where `root` is no folder, and LedgerError.
    """

    def __init__(self, root: Path, store: Store, ledger: str, locks: Path) -> None:
        if not root.is_dir():
            raise BadProject(f"{root} is no folder; name the root of a project")
        self.root = root.resolve()
        self.log = MigrationLog(ledger)
        self._store, self._locks = store, locks
        self._disk, self._git = Disk(self.root), Git(self.root)
        self._packs = Packs(store)
        self._switching = Switching(self._disk, self._packs.read)

    def close(self) -> None:
        """Close the ledger and the root."""
        self.log.close()
        self._disk.close()

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Be the only one who migrates this tree. Raises JournalError where somebody else is at it."""
        with only_run(self.root):
            yield

    def begin(self, strategy: str, plan: bytes | None = None) -> Migration:
        """The open migration of the tree, which is entered now if there is none.

        Raises JournalError where the open one is by another strategy or plan.
        """
        with self._operation():
            blob = None if plan is None else self._store.put(plan)
            found = self.open_one()
            if found is None:
                return self.log.begin(str(self.root), strategy, blob)
        if (found.strategy, found.plan) != (strategy, blob):
            raise JournalError(
                f"another migration of {self.root} is open ({found.strategy}, begun {found.started:%Y-%m-%d %H:%M}); "
                "resume it or roll it back first"
            )
        return found

    def open_one(self) -> Migration | None:
        """The open migration of the tree."""
        latest = self.latest()
        return latest if latest and latest.state == "open" else None

    def latest(self) -> Migration | None:
        """The newest migration of the tree, in whatever state."""
        found = self.log.of_tree(str(self.root))
        return found[0] if found else None

    def apply(self, migration: int, steps: Sequence[Step], *, allow_dirty: bool = False) -> tuple[MigrationStep, ...]:
        """Make the steps, each wholly or not at all; returns what became of them, in their order.

        A step whose name the migration knows is not made again. What was broken off before is finished first.
        allow_dirty: change files with uncommitted changes too. Raises LedgerError, GitFailed, JournalError.
        """
        for step in steps:
            if not step.name.isprintable():
                raise JournalError(f"a step cannot be named {step.name!r}")
        with self._operation():
            self._finish_broken(migration)
            known = {step.name: step for step in self.log.steps(migration)}
            fresh = [step for step in steps if step.name not in known]
            ours = {file.after for step in known.values() for file in step.files}
            rules = find_rules(self._git, fresh, ours, allow_dirty=allow_dirty)
            for group in _apart(fresh):
                rules = replace(rules, ours=rules.ours | {digest(c.after) for step in group for c in step.changes})
                examined = [examine(step, self._disk, rules) for step in group]
                ready = [step for step, found in zip(group, examined, strict=True) if found.state == "applying"]
                pieces = [data for step in ready for change in step.changes for data in (change.before, change.after)]
                pack = self._packs.put(data for data in pieces if data is not None) if ready else None
                examined = [replace(each, pack=pack) if each.files else each for each in examined]
                entered = self.log.enter(migration, examined)
                known |= {step.name: step for step in self._make(entered)}
            return tuple(known[step.name] for step in steps)

    def refuse(self, migration: int, steps: Iterable[MigrationStep]) -> None:
        """Record steps that are not to be made, so that they are not tried again."""
        with self._operation():
            self.log.enter(migration, list(steps))

    def keep(self, migration: int, notes: Mapping[str, tuple[str, str]]) -> None:
        """Record that the steps of these names were validated, with a code and a sentence about how."""
        with self._operation():
            found = [step for step in self.log.steps(migration, ("applied",)) if step.name in notes]
            self.log.settle(
                replace(step, state="kept", code=notes[step.name][0], reason=notes[step.name][1]) for step in found
            )

    def steps(self, migration: int, states: Iterable[StepState] | None = None) -> tuple[MigrationStep, ...]:
        """What became of the steps so far (those in some states), in their order."""
        return self.log.steps(migration, states)

    def changes_of(self, step: MigrationStep) -> tuple[Change, ...]:
        """The step's changes, with the bytes. Raises BlobMissing, BlobCorrupt."""
        return tuple(
            Change(file.path, self._bytes(step, file.before), self._bytes(step, file.after)) for file in step.files
        )

    def resume(self, migration: int) -> tuple[MigrationStep, ...]:
        """Finish what was broken off, forwards or back as it was going; returns the steps that were."""
        with self._operation():
            return self._finish_broken(migration)

    def roll_back(
        self,
        migration: int,
        *,
        files: Iterable[str] | None = None,
        steps: Iterable[str] | None = None,
        code: str = "asked",
        reason: str = "rolled back by hand",
    ) -> tuple[MigrationStep, ...]:
        """Bring back every byte: of all steps, of those of these names, or of those that touched these files.

        Later steps on the same files are undone with them, since what is brought back lies under those. Returns the
        steps that were to be undone: "restored", or as they were with the reason, where somebody edited a file since.
        """
        with self._operation():
            made = self.log.steps(migration, _MADE)
            chosen = _chosen(made, files, steps)
            ready, left = self._undoable(chosen)
            self.log.settle(replace(step, state="restoring", code=code, reason=reason) for step in ready)
            done = [self._undo(step, code, reason) for step in later_first(ready)]
            self._disk.sync()
            self.log.settle([*done, *left])
            return tuple(sorted([*done, *left], key=lambda step: step.id))

    def finish(self, migration: int, state: MigrationState, figures: Mapping[str, Any]) -> None:
        """Record how the migration ended; the next one of the tree may begin."""
        with self._operation():
            self.log.finish(migration, state, figures)

    def bytes_of(self, blob: str) -> bytes:
        """Bytes that the journal names, such as a plan."""
        return self._store.read(blob)

    def _bytes(self, step: MigrationStep, digest: str | None) -> bytes | None:
        return None if digest is None else self._packs.read(step, digest)

    @contextmanager
    def _operation(self) -> Iterator[None]:
        try:
            with locked(operations(self._locks, self.root), exclusive=True):
                yield
        except OSError as error:  # a full disk, say; what is under way is in the journal
            raise JournalError(f"broken off: {error}; mend that, then resume or roll back") from error

    def _finish_broken(self, migration: int) -> tuple[MigrationStep, ...]:
        broken = self.log.steps(migration, _OPEN)
        forwards = self._make([step for step in broken if step.state == "applying"])
        back = [step for step in broken if step.state == "restoring"]
        done = [self._undo(step, step.code, step.reason) for step in later_first(back)]
        self._disk.sync()
        self.log.settle(done)
        return (*forwards, *done)

    def _make(self, steps: Iterable[MigrationStep]) -> list[MigrationStep]:
        """Steps that are entered: each is applied, or put back and refused."""
        done = []
        for step in steps:
            if step.state == "applying":
                why = self._switching.to("after", step)
                if why is not None:
                    self._switching.to("before", step, forced=True)
                    done.append(replace(step, state="refused", code=why.code, reason=why.text))
                else:
                    done.append(replace(step, state="applied"))
            else:
                done.append(step)
        self._disk.sync()
        self.log.settle(step for step in done if step.files)
        return done

    def _undo(self, step: MigrationStep, code: str, reason: str) -> MigrationStep:
        half = step.state in _OPEN
        why = self._switching.to("before", step, forced=half)
        if why is None:
            return replace(step, state="restored", code=code, reason=reason)
        return replace(step, state="restored" if half else step.state, code=why.code, reason=why.text)

    def _undoable(self, steps: Iterable[MigrationStep]) -> tuple[list[MigrationStep], list[MigrationStep]]:
        """Steps that can be undone one after another, and those that cannot, with the reason."""
        ready, left = [], []
        now: dict[str, str | None] = {}
        for step in later_first(steps):
            for file in step.files:
                if file.path not in now:
                    now[file.path] = digest_of(self._disk.find(file.path))
            edited = next((f.path for f in step.files if now[f.path] not in (f.before, f.after)), None)
            if edited is None or step.state in _OPEN:
                ready.append(step)
                now |= {file.path: file.before for file in step.files if now[file.path] == file.after}
            else:
                why = was_edited(edited).reason
                left.append(replace(step, code=why.code, reason=why.text))
        return ready, left


def _chosen(
    made: Sequence[MigrationStep], files: Iterable[str] | None, steps: Iterable[str] | None
) -> list[MigrationStep]:
    """The steps to undo: those asked for, and the later ones that touch their files."""
    if files is None and steps is None:
        return list(made)
    names, paths = set(steps or ()), set(files or ())
    chosen: list[MigrationStep] = []
    for step in made:
        own = {file.path for file in step.files}
        if step.name in names or own & paths:
            chosen.append(step)
            paths |= own
    return chosen


def _apart(steps: Iterable[Step]) -> Iterator[list[Step]]:
    """Groups of steps that touch different files, in their order."""
    group: list[Step] = []
    paths: set[str] = set()
    for step in steps:
        own = {change.path for change in step.changes}
        if own & paths:
            yield group
            group, paths = [], set()
        group.append(step)
        paths |= own
    if group:
        yield group
