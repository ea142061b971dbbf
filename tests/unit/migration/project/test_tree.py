"""Which files of a folder are a project's, with git and without, and what of hostile ones is never touched."""

import os
import subprocess
from pathlib import Path

import pytest

from strata.migration.project import BadProject, open_tree
from tests.support.trees import make_tree


def git(folder: Path, *arguments: str) -> None:
    identity = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "-C", folder, *identity, *arguments], check=True, capture_output=True)


def paths(folder: Path) -> list[str]:
    return [file.path for file in open_tree(folder).files]


def problems(folder: Path) -> dict[str, str]:
    return {each.path: each.code for each in open_tree(folder).problems}


def test_git_says_what_is_ignored(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {"a.py": "", "new.py": "", "made.py": "", ".gitignore": "made.py\nenv/\n", "env/b.py": "", ".github/c.py": ""},
    )
    git(tmp_path, "init")
    git(tmp_path, "add", "a.py")
    assert paths(tmp_path) == [".github/c.py", "a.py", "new.py"]


def test_a_file_that_git_lists_and_somebody_deleted_is_none(tmp_path: Path) -> None:
    make_tree(tmp_path, {"a.py": "", "b.py": ""})
    git(tmp_path, "init")
    git(tmp_path, "add", ".")
    (tmp_path / "b.py").unlink()
    assert paths(tmp_path) == ["a.py"]


def test_a_folder_inside_of_a_work_tree(tmp_path: Path) -> None:
    make_tree(tmp_path, {"a.py": "", "p/b.py": "", "p/made.py": "", ".gitignore": "made.py"})
    git(tmp_path, "init")
    assert paths(tmp_path / "p") == ["b.py"]


def test_a_folder_that_git_ignores_is_read_without_it(tmp_path: Path) -> None:
    make_tree(tmp_path, {"a.py": "", "made/b.py": "", ".gitignore": "made/"})
    git(tmp_path, "init")
    assert paths(tmp_path / "made") == ["b.py"]


def test_without_git_environments_and_caches_are_left_out(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "a.py": "",
            "build/lib/a.py": "",
            "p/build/__init__.py": "",
            "env/pyvenv.cfg": "",
            "env/lib/x.py": "",
            ".tox/y.py": "",
            "node_modules/z.py": "",
        },
    )
    assert paths(tmp_path) == ["a.py", "p/build/__init__.py"]


def test_other_files_that_bear_on_imports(tmp_path: Path) -> None:
    make_tree(
        tmp_path,
        {
            "a.py": "",
            "a.pyi": "",
            "b.cpython-311-x86_64-linux-gnu.so": "",
            "Makefile": "",
            ".github/workflows/ci.yml": "",
            "readme.md": "",
            "pyproject.toml": "",
            "run.sh": "",
        },
    )
    tree = open_tree(tmp_path)
    assert tree.others == ("a.pyi", "b.cpython-311-x86_64-linux-gnu.so")
    assert [file.path for file in tree.configurations] == [
        ".github/workflows/ci.yml", "Makefile", "pyproject.toml", "run.sh"
    ]  # fmt: skip


@pytest.mark.parametrize("with_git", [False, True])
def test_links_are_not_followed(tmp_path: Path, with_git: bool) -> None:
    outside = make_tree(tmp_path / "outside", {"secret.py": ""})
    root = make_tree(tmp_path / "tree", {"a.py": ""})
    (root / "b.py").symlink_to("a.py")
    (root / "c.py").symlink_to(outside / "secret.py")
    (root / "self.py").symlink_to("self.py")
    (root / "loop").symlink_to(root)
    (root / "out").symlink_to(outside)
    if with_git:
        git(root, "init")
        git(root, "add", ".")
    assert paths(root) == ["a.py"]
    assert problems(root) == dict.fromkeys(["b.py", "c.py", "loop", "out", "self.py"], "link")


def test_a_tracked_file_is_not_read_behind_a_folder_that_became_a_link(tmp_path: Path) -> None:
    outside = make_tree(tmp_path / "outside", {"x.py": "secret = 1"})
    root = make_tree(tmp_path / "tree", {"a.py": "", "p/x.py": "", "p/q/x.py": ""})
    git(root, "init")
    git(root, "add", ".")
    (root / "p" / "q" / "x.py").unlink()
    (root / "p" / "q").rmdir()
    (root / "p" / "q").symlink_to(outside)
    assert paths(root) == ["a.py", "p/x.py"]
    assert problems(root)["p/q/x.py"] == "link"


@pytest.mark.parametrize("with_git", [False, True])
def test_what_is_no_file_or_has_no_printable_name_is_left_alone(tmp_path: Path, with_git: bool) -> None:
    make_tree(tmp_path, {"a.py": "", "folder.py/b.py": "", "two\nlines.py": ""})
    (tmp_path / os.fsdecode(b"\xff.py")).write_bytes(b"")
    os.mkfifo(tmp_path / "pipe.py")
    if with_git:
        git(tmp_path, "init")
        git(tmp_path, "add", "a.py")
    assert paths(tmp_path) == ["a.py", "folder.py/b.py"]
    found = problems(tmp_path)
    found.pop("pipe.py", None)  # git does not list it at all
    assert found == {"two\\nlines.py": "name", "\\udcff.py": "name"}


def test_a_repository_cannot_have_a_program_run(tmp_path: Path) -> None:
    make_tree(tmp_path, {"a.py": "", "spy.sh": "#!/bin/sh\ntouch ran\n"})
    (tmp_path / "spy.sh").chmod(0o755)
    git(tmp_path, "init")
    git(tmp_path, "add", "a.py")
    spy = str(tmp_path / "spy.sh")
    for name in ("post-index-change", "fsmonitor-watchman"):
        (tmp_path / ".git" / "hooks" / name).write_text(f"#!/bin/sh\n{spy}\n")
        (tmp_path / ".git" / "hooks" / name).chmod(0o755)
    for key in ("core.fsmonitor", "core.pager", "core.sshCommand", "core.askPass", "diff.external", "filter.f.clean"):
        git(tmp_path, "config", key, spy)
    make_tree(tmp_path, {".gitattributes": "*.py filter=f"})
    os.utime(tmp_path / "a.py")
    assert paths(tmp_path) == ["a.py"]
    assert not (tmp_path / "ran").exists()


def test_a_missing_object_is_not_fetched_by_a_program(tmp_path: Path) -> None:
    """Listing a sparse index reads trees, and those of a partial clone are fetched by whatever its remote names."""
    ran = tmp_path / "ran"
    root = make_tree(tmp_path / "tree", {"a.py": "", "p/b.py": "", "q/c.py": "", "spy": f"#!/bin/sh\ntouch {ran}\n"})
    (root / "spy").chmod(0o755)
    git(root, "init")
    git(root, "add", ".")
    git(root, "commit", "-m", "x")
    git(root, "sparse-checkout", "set", "--cone", "--sparse-index", "q")
    for key, value in {
        "remote.o.url": f"ext::{root}/spy",
        "remote.o.promisor": "true",
        "extensions.partialClone": "o",
        "core.repositoryFormatVersion": "1",
        "protocol.ext.allow": "always",
    }.items():
        git(root, "config", key, value)
    for file in (root / ".git" / "objects").rglob("*"):
        if file.is_file():
            file.unlink()
    assert paths(root) == ["a.py", "q/c.py"]
    assert not ran.exists()


def test_a_hook_s_environment_does_not_name_another_repository(tmp_path: Path, monkeypatch) -> None:
    other = make_tree(tmp_path / "other", {"x.py": ""})
    root = make_tree(tmp_path / "tree", {"a.py": "", "made.py": "", ".gitignore": "made.py"})
    for folder in (other, root):
        git(folder, "init")
    git(root, "add", "-f", "made.py")
    monkeypatch.setenv("GIT_DIR", str(other / ".git"))
    monkeypatch.setenv("GIT_INDEX_FILE", str(other / "index"))
    assert paths(root) == ["a.py", "made.py"]


def test_where_git_cannot_tell_what_is_ignored_nothing_is_read(tmp_path: Path) -> None:
    make_tree(tmp_path, {"a.py": ""})
    git(tmp_path, "init")
    (tmp_path / ".git" / "config").write_text("[core\n")
    with pytest.raises(BadProject, match=r"git cannot list the files of .*bad config"):
        open_tree(tmp_path)


def test_nothing_to_work_on(tmp_path: Path) -> None:
    with pytest.raises(BadProject, match="has no Python file"):
        open_tree(tmp_path)
    with pytest.raises(BadProject, match="is no folder"):
        open_tree(tmp_path / "missing")
