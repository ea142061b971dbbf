"""Which control group a benchmark makes its own below."""

from pathlib import Path

import pytest

from tests.benchmarks.support.memory_group import NoMemoryGroups, Parent, candidates, find_parent

ROOT = Path("/groups")


def test_version_1_goes_from_the_own_group_of_memory_up():
    own = "9:name=systemd:/\n4:memory:/a/b\n3:cpuset:/\n0::/elsewhere\n"
    base = ROOT / "memory"
    assert candidates(own, ROOT) == [Parent(base / "a/b", 1), Parent(base / "a", 1), Parent(base, 1)]


def test_version_2_has_one_tree():
    assert candidates("0::/user/session\n", ROOT) == [
        Parent(ROOT / "user/session", 2),
        Parent(ROOT / "user", 2),
        Parent(ROOT, 2),
    ]


def test_the_top_itself_comes_once():
    assert candidates("4:memory:/\n0::/\n", ROOT) == [Parent(ROOT / "memory", 1)]


def test_a_controller_whose_name_only_contains_memory_is_another():
    assert candidates("5:memory_recursive:/x\n0::/y\n", ROOT) == [Parent(ROOT / "y", 2), Parent(ROOT, 2)]


def test_a_plain_folder_is_no_group(tmp_path: Path):
    (tmp_path / "own").write_text("0::/\n")
    (tmp_path / "groups").mkdir()
    with pytest.raises(NoMemoryGroups):
        find_parent(tmp_path / "groups", tmp_path / "own")
    assert list((tmp_path / "groups").iterdir()) == []


def test_without_groups_nothing_is_left_behind(tmp_path: Path):
    own = tmp_path / "own"
    with pytest.raises(NoMemoryGroups):
        find_parent(tmp_path, own)
    own.write_text("0::/missing\n")
    with pytest.raises(NoMemoryGroups):
        find_parent(tmp_path / "nowhere", own)
    assert list(tmp_path.iterdir()) == [own]
