"""The dynamic check of changes: modules imported in a copy of the tree as it was, and in one with the changes."""

import shutil
import tempfile
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from strata import files
from strata.migration.dynamic import (
    Compared,
    Facts,
    Limits,
    Reach,
    Target,
    Verdict,
    compare,
    copy_aside,
    derive,
    probe,
    write_changes,
)
from strata.migration.project import Change

_WORST = (Verdict.UNVERIFIABLE, Verdict.SAME, Verdict.CHANGED)


def prepare_copy(root: Path, folder: Path, undo: Callable[[], Iterable[Change]]) -> Path:
    """The tree as it was before a migration, in `folder`; made once, by the first of many processes that needs it.

    undo: gives the changes that were made to the tree already. Nobody may change the tree who has not called this.
    """
    with files.locked(folder.with_suffix(".lock"), exclusive=True):
        if not folder.exists():
            for leftover in folder.parent.glob("copying-*"):
                shutil.rmtree(leftover, ignore_errors=True)
            fresh = Path(tempfile.mkdtemp(prefix="copying-", dir=folder.parent))
            copy = copy_aside(root, fresh)
            write_changes(copy, [Change(each.path, each.after, each.before) for each in undo()])
            fresh.rename(folder)
    return folder / root.name


class Trial:
    """Checks against the copy `before`; what came of imports there is remembered."""

    def __init__(self, before: Path, reach: Reach, limits: Limits, python: str) -> None:
        self.before, self.reach = before, reach
        self._limits, self._python = limits, python
        self._known: dict[Target, Facts] = {}

    def check(self, changes: Sequence[Change], paths: Iterable[str]) -> dict[str, Compared]:
        """How each of these files is imported with the changes, held against how it was; the worst of its names.

        What differs is looked at twice, and is unverifiable if it differs from itself.
        """
        targets = self.reach.targets(paths)
        with tempfile.TemporaryDirectory(dir=self.before.parent.parent, ignore_cleanup_errors=True) as folder:
            after = derive(self.before, Path(folder), changes)
            self._known |= self._probe(self.before, [each for each in targets if each not in self._known])
            now = self._probe(after, targets)
            found = {target: compare(self._known[target], now[target]) for target in targets}
            doubted = [target for target, each in found.items() if each.verdict is Verdict.CHANGED]
            if doubted:
                again, anew = self._probe(self.before, doubted), self._probe(after, doubted)
                found |= {each: _settled(found[each], self._known[each], again[each], anew[each]) for each in doubted}
        worst: dict[str, Compared] = {}
        for target, each in found.items():
            known = worst.get(target.path, each)
            worst[target.path] = max(known, each, key=lambda one: _WORST.index(one.verdict))
        return worst

    def _probe(self, copy: Path, targets: Sequence[Target]) -> dict[Target, Facts]:
        return probe(copy, targets, self._limits, self._python) if targets else {}


def _settled(found: Compared, before: Facts, again: Facts, after: Facts) -> Compared:
    if compare(before, again).verdict is Verdict.CHANGED:
        return Compared(Verdict.UNVERIFIABLE, "what comes of importing it is not the same twice")
    second = compare(before, after)
    return found if second.verdict is Verdict.CHANGED else second
