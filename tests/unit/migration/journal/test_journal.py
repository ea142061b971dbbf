"""Steps are made whole or not at all, and undone to the byte; nobody's edit is lost."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from strata.migration.journal import Journal, JournalError
from strata.migration.journal.disk import Disk
from strata.migration.project import Change, Step
from strata.store import Ledger, Store

NEW = b"from . import b\n"


def snapshot(root: Path) -> dict[str, tuple[bytes, int]]:
    """Every file with its bytes and mode, and every folder."""
    found = {}
    for path in sorted(root.rglob("*")):
        if ".git" not in path.relative_to(root).parts:
            data = os.readlink(path).encode() if path.is_symlink() else path.read_bytes() if path.is_file() else b"/"
            found[str(path.relative_to(root))] = (data, path.lstat().st_mode)
    return found


def change(root: Path, path: str, after: bytes | None = NEW) -> Change:
    file = root / path
    return Change(path, file.read_bytes() if file.exists() else None, after)


def step(*changes: Change, name: str | None = None) -> Step:
    return Step(name or changes[0].path, "imports", changes)


def move(root: Path) -> Step:
    """p.b goes to a package of its own, and what imports it follows."""
    data = (root / "p/b.py").read_bytes()
    changes = (change(root, "p/b.py", None), Change("p/new/deep/b.py", None, data), change(root, "p/a.py"))
    return Step("move b", "fewer edges", changes)


def test_a_step_changes_its_bytes_and_keeps_the_mode(tree: Path, journal: Journal) -> None:
    (tree / "p/a.py").chmod(0o755)
    migration = journal.begin("absolute")
    done = journal.apply(migration.id, [step(change(tree, "p/a.py"))])
    assert [each.state for each in done] == ["applied"]
    assert (tree / "p/a.py").read_bytes() == NEW
    assert (tree / "p/a.py").stat().st_mode & 0o7777 == 0o755
    assert sorted(os.listdir(tree / "p")) == ["__init__.py", "a.py", "b.py"], "nothing is left beside it"


def test_a_rollback_brings_back_deleted_and_created_files_and_removes_their_folders(
    tree: Path, journal: Journal
) -> None:
    (tree / "p/b.py").chmod(0o750)
    before = snapshot(tree)
    migration = journal.begin("absolute")
    journal.apply(migration.id, [move(tree), step(change(tree, "q/c.py"))])
    assert not (tree / "p/b.py").exists()
    assert (tree / "p/new/deep/b.py").stat().st_mode & 0o7777 == 0o750, "a file that moves keeps its mode"
    undone = journal.roll_back(migration.id)
    assert {each.state for each in undone} == {"restored"}
    assert snapshot(tree) == before


def test_one_file_goes_back_and_its_step_with_it(tree: Path, journal: Journal) -> None:
    before = snapshot(tree)
    migration = journal.begin("absolute")
    journal.apply(migration.id, [move(tree), step(change(tree, "q/c.py"))])
    undone = journal.roll_back(migration.id, files=["p/a.py"], code="asked", reason="no")
    assert [(each.name, each.state, each.reason) for each in undone] == [("move b", "restored", "no")]
    now = snapshot(tree)
    assert now.pop("q/c.py") != before.pop("q/c.py")
    assert now == before


def test_later_steps_on_the_same_file_are_undone_with_it(tree: Path, journal: Journal) -> None:
    before = snapshot(tree)
    migration = journal.begin("absolute")
    first = step(change(tree, "p/a.py", b"# 1\n"), name="first")
    second = Step("second", "", (Change("p/a.py", b"# 1\n", b"# 2\n"), change(tree, "q/c.py", b"# 2\n")))
    third = Step("third", "", (Change("q/c.py", b"# 2\n", b"# 3\n"),))
    done = journal.apply(migration.id, [first, second, third])
    assert [each.state for each in done] == ["applied"] * 3
    undone = journal.roll_back(migration.id, steps=["first"])
    assert [each.name for each in undone] == ["first", "second", "third"]
    assert snapshot(tree) == before


def test_a_file_edited_before_its_step_is_left_and_so_is_the_whole_step(tree: Path, journal: Journal) -> None:
    wanted, other = move(tree), step(change(tree, "q/c.py"))
    (tree / "p/a.py").write_bytes(b"# mine\n")
    before = snapshot(tree)
    migration = journal.begin("absolute")
    refused, made = journal.apply(migration.id, [wanted, other])
    assert (refused.state, refused.code, made.state) == ("refused", "edited", "applied")
    assert "p/a.py was edited" in refused.reason
    now = snapshot(tree)
    assert now.pop("q/c.py") != before.pop("q/c.py")
    assert now == before


@pytest.mark.parametrize("which", ["p/a.py", "p/new/deep/b.py", "p/b.py"])
def test_an_edit_in_the_middle_of_a_step_is_kept_and_the_rest_put_back(
    tree: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch, which: str
) -> None:
    """Somebody writes to a file after it was found as it should be, before it is replaced."""
    wanted, before = move(tree), snapshot(tree)
    migration = journal.begin("absolute")
    stage = Disk.stage

    def stage_late(self: Disk, path: str, *rest: object) -> None:
        stage(self, path, *rest)
        if path == "p/a.py" and (tree / which).parent.is_dir():
            (tree / which).write_bytes(b"# mine\n")

    monkeypatch.setattr(Disk, "stage", stage_late)
    (refused,) = journal.apply(migration.id, [wanted])
    assert (refused.state, refused.code) == ("refused", "edited")
    assert (tree / which).read_bytes() == b"# mine\n"
    now = snapshot(tree)
    for path in (which, *([] if which in before else ["p/new", "p/new/deep"])):
        now.pop(path), before.pop(path, None)
    assert now == before


def test_a_rollback_leaves_a_file_that_was_edited_since(tree: Path, journal: Journal) -> None:
    before = snapshot(tree)
    migration = journal.begin("absolute")
    journal.apply(migration.id, [move(tree), step(change(tree, "q/c.py"))])
    (tree / "p/new/deep/b.py").write_bytes(b"# mine\n")
    moved, other = journal.roll_back(migration.id)
    assert (moved.state, moved.code, other.state) == ("applied", "edited", "restored")
    assert (tree / "p/a.py").read_bytes() == NEW, "all of a step or none of it"
    assert (tree / "p/new/deep/b.py").read_bytes() == b"# mine\n"
    (tree / "p/new/deep/b.py").write_bytes(before["p/b.py"][0])
    assert [each.state for each in journal.roll_back(migration.id)] == ["restored"]
    assert snapshot(tree) == before


def test_what_a_migration_knows_is_not_done_again(tree: Path, journal: Journal) -> None:
    migration = journal.begin("absolute")
    wanted = [step(change(tree, "p/a.py")), step(change(tree, "q/c.py"))]
    first = journal.apply(migration.id, wanted[:1])
    journal.keep(migration.id, {"p/a.py": ("static", "as was asked")})
    again = journal.apply(migration.id, wanted)
    assert [each.state for each in again] == ["kept", "applied"]
    assert again[0].id == first[0].id
    assert journal.begin("absolute").id == migration.id


def test_a_tree_has_one_open_migration(tree: Path, journal: Journal, opened: Callable[[Path], Journal]) -> None:
    first = journal.begin("absolute", b"{}")
    for strategy, plan in (("relative_preferred", b"{}"), ("absolute", b"[]")):
        with pytest.raises(JournalError, match=r"another migration of .* is open"):
            opened(tree).begin(strategy, plan)
    journal.finish(first.id, "finished", {"files": 0})
    second = opened(tree).begin("relative_preferred")
    assert (journal.latest().id, journal.latest().state) == (second.id, "open")
    assert journal.log.get(first.id).figures == {"files": 0}


def test_one_process_migrates_a_tree_at_a_time(tree: Path, journal: Journal, opened: Callable[[Path], Journal]) -> None:
    with journal.alone():
        with pytest.raises(JournalError, match="another process is migrating"), opened(tree).alone():
            pass
        code = "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX | fcntl.LOCK_NB)"
        done = subprocess.run([sys.executable, "-c", code, str(tree)], capture_output=True, check=False)
        assert b"BlockingIOError" in done.stderr
    with opened(tree).alone():
        pass


@pytest.mark.parametrize(
    ("path", "code"),
    [
        ("../x.py", "outside"), ("/etc/x.py", "outside"), ("p//a.py", "outside"), ("p/./a.py", "outside"),
        ("", "outside"), ("p/\0.py", "outside"), ("x/" * 600 + "a.py", "outside"), ("p/\udcff.py", "path"),
        (".git/hooks/x.py", "ignored"), ("p/.GIT/x.py", "ignored"), ("linked/a.py", "link"), ("link.py", "link"),
        ("p", "not-a-file"), ("p/a.py/x.py", "link"),
    ],
)  # fmt: skip
def test_a_path_that_leads_elsewhere_is_refused(tree: Path, journal: Journal, path: str, code: str) -> None:
    outside = tree.parent / "outside"
    outside.mkdir()
    (outside / "a.py").write_bytes(b"")
    (tree / "linked").symlink_to(outside)
    (tree / "link.py").symlink_to(outside / "a.py")
    before = snapshot(tree.parent / "outside"), snapshot(tree)
    migration = journal.begin("absolute")
    for wanted in (Change(path, None, NEW), Change(path, b"", NEW), Change(path, b"", None)):
        (refused,) = journal.apply(migration.id, [Step(repr(wanted), "", (wanted,))])
        assert (refused.state, refused.code) == ("refused", code)
    assert (snapshot(outside), snapshot(tree)) == before


def test_a_folder_that_becomes_a_link_meanwhile_is_not_followed(
    tree: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    outside = tree.parent / "outside"
    (tree / "p").rename(tree.parent / "kept")
    (tree.parent / "kept").rename(tree / "p")
    wanted = step(change(tree, "p/a.py"))
    stage = Disk.stage

    def stage_late(self: Disk, path: str, *rest: object) -> None:
        stage(self, path, *rest)
        if not outside.exists():
            (tree / "p").rename(outside)
            (tree / "p").symlink_to(outside)

    monkeypatch.setattr(Disk, "stage", stage_late)
    (refused,) = journal.apply(journal.begin("absolute").id, [wanted])
    assert (refused.state, refused.code) == ("refused", "link")
    assert (outside / "a.py").read_bytes() == b"import p.b\n"


def test_a_folder_that_cannot_be_written_is_a_reason(tree: Path, journal: Journal) -> None:
    if os.geteuid() == 0:
        pytest.skip("NOT TESTED: root may write everywhere")
    (tree / "p").chmod(0o500)
    (refused,) = journal.apply(journal.begin("absolute").id, [step(change(tree, "p/a.py"))])
    (tree / "p").chmod(0o700)
    assert (refused.state, refused.code) == ("refused", "unwritable")


def test_a_full_disk_breaks_off_and_is_finished_later(
    tree: Path, journal: Journal, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = snapshot(tree)
    migration = journal.begin("absolute")
    with monkeypatch.context() as patched:
        publish = Disk.publish

        def full(self: Disk, path: str, *rest: object, new: bool) -> None:
            if path == "p/a.py":
                raise OSError(28, "No space left on device")
            publish(self, path, *rest, new=new)

        patched.setattr(Disk, "publish", full)
        with pytest.raises(JournalError, match="No space left"):
            journal.apply(migration.id, [move(tree)])
    (finished,) = journal.resume(migration.id)
    assert finished.state == "applied"
    assert not (tree / "p/b.py").exists()
    assert not [name for name in snapshot(tree) if ".strata-" in name]
    journal.roll_back(migration.id)
    assert snapshot(tree) == before


def test_what_git_ignores_is_left_alone(repository: Path, journal: Journal, opened: Callable[[Path], Journal]) -> None:
    journal = opened(repository)
    migration = journal.begin("absolute")
    wanted = [Step(path, "", (Change(path, None, NEW),)) for path in ("build/a.py", "p/build/a.py", "p/new.py")]
    assert [each.code for each in journal.apply(migration.id, wanted)] == ["ignored", "ignored", ""]


def test_a_dirty_file_is_refused_unless_told_otherwise(repository: Path, opened: Callable[[Path], Journal]) -> None:
    journal = opened(repository)
    (repository / "p/a.py").write_bytes(b"# not committed\n")
    (repository / "p/new.py").write_bytes(b"# not tracked\n")
    subprocess.run(["git", "-C", str(repository), "rm", "-q", "--cached", "q/c.py"], check=True)
    migration = journal.begin("absolute")
    wanted = [step(change(repository, path)) for path in ("p/a.py", "p/new.py", "p/b.py")]
    found = journal.apply(migration.id, wanted)
    assert [each.code for each in found] == ["dirty", "dirty", ""]
    assert "not committed" in found[0].reason
    again = Step("p/b.py again", "", (Change("p/b.py", NEW, b"# 2\n"),))
    assert [each.state for each in journal.apply(migration.id, [again])] == ["applied"], "its own change is no dirt"
    other = [Step(f"{each.name} dirty", "", each.changes) for each in wanted[:2]]
    found = journal.apply(migration.id, other, allow_dirty=True)
    assert [each.state for each in found] == ["applied", "applied"]


def test_line_ends_that_git_converts_are_no_dirt(repository: Path, opened: Callable[[Path], Journal]) -> None:
    git = ["git", "-C", str(repository), "-c", "user.name=n", "-c", "user.email=e@e"]
    (repository / ".gitattributes").write_text("*.py text eol=crlf\n")
    subprocess.run([*git, "add", "--renormalize", "."], check=True)
    subprocess.run([*git, "commit", "-aqm", "line ends"], check=True)
    found = opened(repository).apply(opened(repository).begin("absolute").id, [step(change(repository, "p/b.py"))])
    assert [each.state for each in found] == ["applied"]


def test_a_tree_that_git_ignores_as_a_whole_is_worked_on(repository: Path, opened: Callable[[Path], Journal]) -> None:
    inside = repository / "build" / "copy"
    inside.mkdir(parents=True)
    (inside / "a.py").write_bytes(b"")
    journal = opened(inside)
    found = journal.apply(journal.begin("absolute").id, [step(change(inside, "a.py"))])
    assert [each.state for each in found] == ["applied"]


def test_nothing_that_the_work_tree_configures_is_run(repository: Path, opened: Callable[[Path], Journal]) -> None:
    trap = repository.parent / "ran"
    script = repository.parent / "trap.sh"
    script.write_text(f"#!/bin/sh\ntouch {trap}\ncat\n")
    script.chmod(0o755)
    for name in ("core.fsmonitor", "filter.trap.clean", "filter.trap.smudge", "core.pager"):
        subprocess.run(["git", "-C", str(repository), "config", name, str(script)], check=True)
    (repository / ".gitattributes").write_text("*.py filter=trap\n")
    os.utime(repository / "p/a.py", (1, 1))
    journal = opened(repository)
    journal.apply(journal.begin("absolute").id, [step(change(repository, "p/a.py"))])
    assert not trap.exists()


def test_a_collection_spares_the_bytes_of_a_migration(tree: Path, journal: Journal, home: Path) -> None:
    before = snapshot(tree)
    migration = journal.begin("absolute", b"the plan")
    journal.apply(migration.id, [move(tree)])
    with Ledger(f"sqlite:///{home / 'ledger.sqlite'}") as ledger:
        Store(home / "store").gc(0, ledger.digests())
    assert journal.bytes_of(journal.latest().plan) == b"the plan"
    journal.roll_back(migration.id)
    assert snapshot(tree) == before
