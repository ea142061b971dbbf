"""Claims: which runs are under way, told from those whose process is gone."""

import subprocess
import sys
from pathlib import Path

import pytest

from strata.store import Claim, abandoned

HOLD = "import sys; from pathlib import Path; from strata.store import Claim; "
HOLD += "claim = Claim(Path(sys.argv[1])); print(claim.name, flush=True); sys.stdin.read()"


def is_abandoned(home: Path, name: str) -> bool:
    with abandoned(home, name) as gone:
        return gone


def test_a_claim_is_held_until_it_is_closed(tmp_path: Path) -> None:
    with Claim(tmp_path) as claim:
        assert not is_abandoned(tmp_path, claim.name)
    assert is_abandoned(tmp_path, claim.name)
    assert not is_abandoned(tmp_path, claim.name)  # who found it has dealt with it


def test_a_run_that_has_ended_leaves_nothing(tmp_path: Path) -> None:
    with Claim(tmp_path) as claim:
        claim.ended()
        assert not is_abandoned(tmp_path, claim.name)
    assert not is_abandoned(tmp_path, claim.name)
    assert list((tmp_path / "running").iterdir()) == []


def test_what_a_killed_process_claimed_is_abandoned(tmp_path: Path) -> None:
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            name = process.stdout.readline().strip()
            assert not is_abandoned(tmp_path, name)
        finally:
            process.kill()
    assert is_abandoned(tmp_path, name)


def test_who_could_not_deal_with_it_leaves_it_for_the_next(tmp_path: Path) -> None:
    with Claim(tmp_path) as claim:
        pass
    with pytest.raises(OSError, match="no disk"), abandoned(tmp_path, claim.name):
        raise OSError("no disk")
    assert is_abandoned(tmp_path, claim.name)


def test_a_claim_of_another_home_is_nobodys_to_judge(tmp_path: Path) -> None:
    with Claim(tmp_path / "other") as claim:
        pass
    assert not is_abandoned(tmp_path, claim.name)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", "0" * 15, "G" * 16])
def test_what_is_no_name_is_refused(tmp_path: Path, name: str) -> None:
    with pytest.raises(ValueError, match="not the name of a claim"), abandoned(tmp_path, name):
        pass
