"""The `strata` command, called as a process would call it."""

from collections.abc import Callable
from pathlib import Path

import pytest

from strata.cli import main

Called = tuple[int | str | None, str, str]


@pytest.fixture
def strata(
    capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Callable[..., Called]:
    """Call `strata` in a folder of its own, with a STRATA_HOME in it; returns exit status, output and errors."""
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    monkeypatch.chdir(tmp_path)

    def call(*arguments: str) -> Called:
        with pytest.raises(SystemExit) as stopped:
            main(list(arguments))
        return stopped.value.code, *capsys.readouterr()

    return call
