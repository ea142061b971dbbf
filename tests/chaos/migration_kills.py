"""Migrates trees of 300 files in children that kill themselves at seeded operations, and checks what is left behind.

Run as `python -m tests.chaos.migration_kills FOLDER KILLS`; prints one JSON object. A process of its own, because it
forks, and a test's process has threads. An operation is a call that changes a file or a folder, or a commit of the
ledger; half of the kills come just before one and half just after.
"""

import json
import os
import random
import shutil
import signal
import sys
from collections import Counter
from collections.abc import Callable
from pathlib import Path

from sqlalchemy import event

from strata.migration.journal import Journal
from strata.migration.project import Change, Step
from strata.store import Store
from tests.support.trees import make_tree

SEED = 20260301
FILES = 300
IN_A_ROW = 5  # kills at most, before the other way
STEPS = 120  # of one file each; the others are moves that rewrite two importers
CALLS = ("open", "link", "replace", "rename", "unlink", "mkdir", "rmdir", "fsync", "fchmod", "utime")


class Killer:
    """Counts the operations of this process, and kills it at one of them; the halves are before and after the call."""

    def __init__(self, stop: int | None) -> None:
        self.halves, self._stop = 0, stop

    def watch(self, journal: Journal) -> None:
        """Count from now on."""
        for name in CALLS:
            setattr(os, name, self._counting(getattr(os, name)))
        for moment in ("commit", "rollback"):
            event.listen(journal.log._engine, moment, lambda _connection: self._half())

    def _counting(self, call: Callable[..., object]) -> Callable[..., object]:
        def counted(*arguments: object, **keywords: object) -> object:
            self._half()
            found = call(*arguments, **keywords)
            self._half()
            return found

        return counted

    def _half(self) -> None:
        self.halves += 1
        if self.halves == self._stop:
            os.kill(os.getpid(), signal.SIGKILL)


class World:
    """A tree, the steps of its migration, and where its journal is."""

    def __init__(self, root: Path) -> None:
        self.root, self.home = root / "tree", root / "home"
        texts = {f"p{number % 20}/m{number}.py": f"import p0.m{number}\n" * 5 for number in range(FILES)}
        make_tree(self.root, texts)
        self.before = read_all(self.root)
        self.steps = list(steps_of(self.before))
        self.after = dict(self.before)
        for step in self.steps:
            for change in step.changes:
                if change.after is None:
                    del self.after[change.path]
                else:
                    self.after[change.path] = change.after

    def open(self) -> Journal:
        return Journal(self.root, Store(self.home / "store"), f"sqlite:///{self.home / 'ledger.sqlite'}", self.home)

    def migrate(self, journal: Journal) -> None:
        """All of it, in batches, as far as it is not done."""
        migration = journal.begin("absolute").id
        journal.resume(migration)
        for first in range(0, len(self.steps), 40):
            done = journal.apply(migration, self.steps[first : first + 40])
            assert {step.state for step in done} <= {"applied", "kept"}, "a step was refused"
            journal.keep(migration, {step.name: ("", "") for step in done})

    def roll_back(self, journal: Journal) -> None:
        """All of it."""
        migration = journal.open_one()
        if migration is not None:
            journal.roll_back(migration.id)

    def check_whole(self) -> None:
        """Every file is as it was or as it shall be, and what else lies there is a temporary file."""
        for path, data in read_all(self.root).items():
            if data != b"/" and not Path(path).name.startswith(".strata-"):
                assert data in (self.before.get(path), self.after.get(path)), f"{path} is neither old nor new"


def read_all(root: Path) -> dict[str, bytes]:
    """Every file below a folder, and every folder as a file of its own."""
    found = {}
    for folder, folders, names in os.walk(root):
        inside = Path(folder).relative_to(root)
        found |= {str(inside / name): (Path(folder) / name).read_bytes() for name in names}
        found |= {str(inside / name): b"/" for name in folders}
    return found


def steps_of(texts: dict[str, bytes]) -> list[Step]:
    """A step for each file, or a move of one to a new package with two that import it."""
    paths = sorted(path for path, data in texts.items() if data != b"/")
    new = {path: b"from . import x\n" + texts[path] for path in paths}
    steps = [Step(path, "", (Change(path, texts[path], new[path]),)) for path in paths[:STEPS]]
    for first in range(STEPS, FILES, 3):
        moved, *importers = paths[first : first + 3]
        target = f"new{first % 7}/deep/{Path(moved).name}"
        changes = [Change(moved, texts[moved], None), Change(target, None, texts[moved])]
        changes += [Change(path, texts[path], new[path]) for path in importers]
        steps.append(Step(f"move {moved}", "", tuple(changes)))
    return steps


def in_child(world: World, action: Callable[[Journal], None], stop: int | None) -> tuple[int, int]:
    """The exit code and the operations counted."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        code = 1
        try:
            journal, killer = world.open(), Killer(stop)
            killer.watch(journal)
            action(journal)
            os.write(writing, str(killer.halves).encode())
            code = 0
        except BaseException as error:
            print(f"{type(error).__name__}: {error}", file=sys.stderr)
        finally:
            sys.stderr.flush()
            os._exit(code)
    os.close(writing)
    _, status = os.waitpid(child, 0)
    with open(reading, "rb") as pipe:
        return os.waitstatus_to_exitcode(status), int(pipe.read() or 0)


def end(world: World, action: Callable[[Journal], None], expected: dict[str, bytes]) -> None:
    """Finish or undo without a kill; the tree is as expected to the byte, with nothing beside it."""
    assert in_child(world, action, None)[0] == 0
    found = read_all(world.root)
    wanted = dict(expected)
    for path in expected:
        wanted |= {str(above): b"/" for above in Path(path).parents if str(above) != "."}
    assert found == wanted, f"differs: {sorted(set(found.items()) ^ set(wanted.items()))[:5]}"


def measure(world: World) -> dict[str, int]:
    """Operations of a whole migration, and of its rollback."""
    found = {action.__name__: in_child(world, action, None)[1] for action in (world.migrate, world.roll_back)}
    assert read_all(world.root) == world.before
    shutil.rmtree(world.root.parent)
    return found


def main() -> None:
    """Kill at random operations: of a migration, of one taken up again, and of a rollback."""
    root, kills = Path(sys.argv[1]), int(sys.argv[2])
    rng = random.Random(SEED)
    found: Counter[str] = Counter()
    worlds = 0
    longest = measure(World(root / "whole"))
    while found.total() < kills:
        world = World(root / str(worlds))
        worlds += 1
        for action in (world.migrate, world.roll_back):
            name = action.__name__
            for _ in range(IN_A_ROW):
                code, _ = in_child(world, action, rng.randint(1, 2 * longest[name] // IN_A_ROW))
                assert code in (-9, 0)
                world.check_whole()
                found[name] += code == -9
                if rng.random() < 1 / IN_A_ROW:
                    break
            if action == world.migrate and rng.random() < 0.5:
                end(world, world.migrate, world.after)
        end(world, world.roll_back, world.before)
        shutil.rmtree(world.root.parent)
    print(json.dumps({"kills": found.total(), "worlds": worlds, "operations": longest, "killed": found}))


if __name__ == "__main__":
    main()
