"""The supervisor, on real processes: what dies or does not answer is started again, and an incident tells of it."""

import os
import signal
import socket
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest

from deployments import supervise
from deployments.parts import Part
from deployments.supervise import PartDidNotStart, Supervisor
from strata.store import IncidentLog
from tests.support.prefect_server import until


class Kept:
    """A supervisor, what it said, and the file by which its part is told what to answer."""

    def __init__(self, folder: Path, before: Callable[[Part], None] = lambda _: None) -> None:
        self.ledger = f"sqlite:///{folder / 'ledger.sqlite'}"
        self.said: list[str] = []
        self.says = folder / "says"
        self.says.write_text("200")
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        self.part = Part(
            "answering",
            "tests.support.answering_part",
            (str(port), str(self.says)),
            f"http://127.0.0.1:{port}/",
            starting=20.0,
            patience=1.0,
        )
        self.supervisor = Supervisor(
            os.environ, folder / "logs", self.ledger, say=self.said.append, before=before, stopping=lambda: False
        )

    @property
    def pid(self) -> int | None:
        return self.supervisor.processes.get("answering")

    def looked(self, found: Callable[[], object]) -> None:
        def look() -> object:
            self.supervisor.look()
            return found()

        until(look, 60, f"after {self.said}")

    def incidents(self) -> list[str]:
        with IncidentLog(self.ledger) as log:
            return [each.state for each in log.recent("operations")]


@pytest.fixture
def kept(tmp_path: Path) -> Iterator[Kept]:
    kept = Kept(tmp_path)
    yield kept
    kept.supervisor.end("answering")


def test_what_is_killed_is_started_again(kept: Kept) -> None:
    kept.supervisor.start(kept.part)
    first = kept.pid
    assert first is not None
    os.kill(first, signal.SIGKILL)
    kept.looked(lambda: kept.pid is None)
    assert kept.incidents() == ["open"]
    kept.looked(lambda: kept.incidents() == ["resolved"])
    assert kept.pid not in (None, first)
    assert "it ended with status -9" in kept.said[0]


def test_what_does_not_answer_for_long_is_ended_and_started_again(kept: Kept) -> None:
    kept.supervisor.start(kept.part)
    first = kept.pid
    kept.says.write_text("503")
    kept.looked(lambda: kept.pid != first)
    assert not psutil.pid_exists(first or 0)
    assert kept.incidents() == ["open"]
    kept.says.write_text("200")
    kept.looked(lambda: kept.incidents() == ["resolved"])


def test_what_has_too_many_callers_is_left_alone(kept: Kept) -> None:
    kept.supervisor.start(kept.part)
    first = kept.pid
    kept.says.write_text("429")
    kept.supervisor.look()
    assert kept.supervisor._watched["answering"].unwell is None
    assert kept.pid == first


def test_what_goes_on_failing_is_tried_ever_more_slowly(kept: Kept, monkeypatch: pytest.MonkeyPatch) -> None:
    kept.supervisor.start(kept.part)
    kept.says.unlink()
    os.kill(kept.pid or 0, signal.SIGKILL)
    kept.looked(lambda: kept.pid is None)
    kept.looked(lambda: sum("is down" in said for said in kept.said) == supervise.Breaker()._allowed)
    tries = len(kept.said)
    deadline = time.monotonic() + 2.0  # it is left alone for 5 s
    while time.monotonic() < deadline:
        kept.supervisor.look()
        time.sleep(0.05)
    assert len(kept.said) == tries
    assert kept.incidents() == ["open"]  # one for all of it


def test_a_part_that_never_answers_is_an_error_with_its_last_words(kept: Kept) -> None:
    kept.says.unlink()
    with pytest.raises(PartDidNotStart, match="answering did not start: there is nothing to say"):
        kept.supervisor.start(kept.part)


def test_before_it_is_started_again_is_called_while_it_does_not_run(tmp_path: Path) -> None:
    called: list[int | None] = []
    kept = Kept(tmp_path, lambda _: called.append(kept.pid))
    kept.supervisor.start(kept.part)
    try:
        os.kill(kept.pid or 0, signal.SIGKILL)
        kept.looked(lambda: called)
        kept.looked(lambda: kept.pid)
    finally:
        kept.supervisor.end("answering")
    assert called == [None]


def test_a_part_ends_with_who_has_started_it(kept: Kept) -> None:
    """Its standard input ends then, as it does when its holder is killed."""
    kept.supervisor.start(kept.part)
    pid = kept.pid or 0
    process = kept.supervisor._watched["answering"].process
    assert process is not None
    process._process.stdin.close()
    until(lambda: process.status is not None, 20, f"{pid} ends")
