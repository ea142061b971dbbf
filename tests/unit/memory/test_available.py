"""Free memory; control groups as files."""

import pytest

from strata.memory import available_memory


@pytest.mark.parametrize(
    ("line", "folder", "limit", "usage", "dropped"),
    [
        ("0::/box/run", "box", "memory.max", "memory.current", "inactive_file"),
        ("4:memory:/box/run", "memory/box", "memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
    ],
)
def test_a_control_group_above_limits_memory(tmp_path, line, folder, limit, usage, dropped):
    own = tmp_path / "cgroup"
    own.write_text(f"9:name=systemd:/\n{line}\n")
    group = tmp_path / folder
    (group / "run").mkdir(parents=True)
    (group / limit).write_text("5000000\n")
    (group / usage).write_text("4000000\n")
    (group / "memory.stat").write_text(f"anon 1\n{dropped} 500000\n")
    assert available_memory(tmp_path, own) == 1_500_000


@pytest.mark.parametrize("limit", ["max", str((1 << 63) - 4096)])
def test_no_limit_leaves_what_the_system_has(tmp_path, limit):
    own = tmp_path / "cgroup"
    own.write_text("0::/box\n")
    (tmp_path / "box").mkdir()
    (tmp_path / "box" / "memory.max").write_text(limit)
    assert available_memory(tmp_path, own) > 5_000_000


def test_a_machine_without_control_groups(tmp_path):
    assert available_memory(tmp_path, tmp_path / "absent") > 5_000_000
