import pytest

from strata.inference.run import remote_session
from strata.inference.run.remote_session import stages_at_once

HERE, THERE = ("127.0.0.1:4000",), ("10.0.0.7:4000", "127.0.0.1:4000")


@pytest.mark.parametrize(
    ("addresses", "cores", "expected"),
    [
        ([HERE] * 4, 2, 2),
        ([HERE] * 2, 8, 2),
        ([THERE] * 4, 2, 4),
        ([THERE, HERE, HERE, HERE, ()], 2, 4),
        ([HERE], None, 1),
    ],
)
def test_stages_on_this_machine_share_its_cores(
    monkeypatch: pytest.MonkeyPatch, addresses: list[tuple[str, ...]], cores: int | None, expected: int
) -> None:
    monkeypatch.setattr(remote_session.os, "cpu_count", lambda: cores)
    assert stages_at_once(addresses) == expected
