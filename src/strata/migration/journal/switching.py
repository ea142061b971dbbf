"""The files of one step, switched together from their bytes before to those after, or back: all of them or none."""

import hashlib
from collections.abc import Callable, Iterable
from typing import Literal

from strata.migration.journal.disk import Disk, Found
from strata.migration.journal.paths import Reason, Refused
from strata.store import MigrationFile, MigrationStep

Side = Literal["before", "after"]


class Switching:
    """Works on a disk; `read` gives the bytes of a digest that a step names."""

    def __init__(self, disk: Disk, read: Callable[[MigrationStep, str], bytes]) -> None:
        self._disk, self._read = disk, read

    def to(self, side: Side, step: MigrationStep, *, forced: bool = False) -> Reason | None:
        """Bring every file of the step to that side; returns why it is left as it was, where it is.

        A file that is at neither side was edited by somebody, and stays. forced: the others are switched all the same:
        for a step that was broken off half-way.
        """
        edited: Reason | None = None
        done: list[MigrationFile] = []
        try:
            todo = []
            for file in step.files:
                self._disk.discard(file.path, temporary(step, file))
                digest = digest_of(self._disk.find(file.path))
                if digest not in (file.before, file.after):
                    edited = was_edited(file.path).reason
                    if not forced:
                        return edited
                elif digest != getattr(file, side):
                    todo.append(file)
            for file in todo:
                self._stage(step, file, side)
            for file in todo:
                self._switch(step, file, side)
                done.append(file)
        except (Refused, PermissionError) as error:
            for file in reversed(done):
                self._stage(step, file, _other(side))
                self._switch(step, file, _other(side))
            self._clear(step)
            if isinstance(error, Refused):
                return error.reason
            return Reason("unwritable", f"cannot be written: {error.strerror}: {error.filename}")
        self._clear(step)
        return edited

    def _stage(self, step: MigrationStep, file: MigrationFile, side: Side) -> None:
        digest = getattr(file, side)
        if digest is not None:
            there = self._disk.find(file.path)
            mode, owner = (there.mode, there.owner) if there else (file.mode, None)
            self._disk.stage(file.path, temporary(step, file), self._read(step, digest), mode, owner)

    def _switch(self, step: MigrationStep, file: MigrationFile, side: Side) -> None:
        expected = getattr(file, _other(side))
        if digest_of(self._disk.find(file.path)) != expected:
            raise was_edited(file.path)
        if getattr(file, side) is None:
            self._disk.remove(file.path)
        else:
            self._disk.publish(file.path, temporary(step, file), new=expected is None)

    def _clear(self, step: MigrationStep) -> None:
        """Remove temporary files, and folders that were made for files which are not there."""
        for file in step.files:
            self._disk.discard(file.path, temporary(step, file))
            self._disk.remove_empty(tuple(file.made))


def temporary(step: MigrationStep, file: MigrationFile) -> str:
    """The name of a file's temporary file: known from the journal, so that one left by a dead process is found."""
    return f".strata-{hashlib.sha256(f'{step.id} {step.name} {file.path}'.encode()).hexdigest()[:32]}"


def digest_of(found: Found | None) -> str | None:
    """The digest of a file, None where there is none."""
    return found.digest if found else None


def was_edited(path: str) -> Refused:
    """What to raise for a file that is not as the journal knows it."""
    return Refused("edited", f"{path} was edited meanwhile by somebody else, and is left as it is")


def later_first(steps: Iterable[MigrationStep]) -> list[MigrationStep]:
    """The order in which steps are undone."""
    return sorted(steps, key=lambda step: -step.id)


def _other(side: Side) -> Side:
    return "after" if side == "before" else "before"
