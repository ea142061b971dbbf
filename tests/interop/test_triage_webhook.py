"""A watch that is a process, and a webhook's receiver on a socket: each thing arrives once, whoever fails."""

import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
import trio

from strata.settings import Settings
from strata.store import CaseLog, IncidentLog
from strata.triage import Desk, Notice, OutletFailed, Webhook
from tests.support.prefect_server import until
from tests.support.receiver import SECRET, Receiver, receiving

ROOT = Path(__file__).parents[2]


@pytest.fixture
def settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Settings:
    monkeypatch.setenv("STRATA_HOME", str(tmp_path))
    return Settings(_env_file=None)


@contextmanager
def watching(settings: Settings, receiver: Receiver) -> Iterator["subprocess.Popen[bytes]"]:
    """The watch, killed with the block."""
    environment = os.environ | {
        "STRATA_HOME": str(settings.home),
        "STRATA_TRIAGE_WEBHOOK": receiver.url,
        "STRATA_TRIAGE_WEBHOOK_SECRET": SECRET,
    }
    command = [sys.executable, "-m", "tests.support.watch_process"]
    with subprocess.Popen(command, cwd=ROOT, env=environment, stderr=subprocess.DEVNULL) as process:
        try:
            yield process
        finally:
            process.kill()


def fail(log: IncidentLog, subject: str) -> int:
    return log.begin(pipeline="mesh", kind="dead member", subject=subject, detail="nobody reaches it")


def test_each_thing_arrives_once_though_the_receiver_fails_and_the_watch_is_killed(settings: Settings) -> None:
    with IncidentLog(settings.ledger) as log, CaseLog(log) as cases, receiving(503, 302) as receiver:

        def arrived(number: int) -> None:
            """So many, and the watch has written that down."""
            receiver.wait(lambda self: len(self.taken) == number)
            until(lambda: len(cases.told("webhook")) == number, 30, "it is written down")

        one, two = fail(log, "node-1"), fail(log, "node-2")
        with watching(settings, receiver):
            arrived(2)
            log.resolve(one, "started again")
            arrived(3)
        three = fail(log, "node-3")
        log.resolve(two, "started again")
        with watching(settings, receiver), Desk(settings.ledger) as desk:
            arrived(5)
            desk.acknowledge(three, "Ada", "looking")
            arrived(6)
            fail(log, "node-1")
            arrived(7)
        assert receiver.times == dict.fromkeys(
            [
                f"{one}-opened-1", f"{two}-opened-1", f"{one}-resolved-1", f"{two}-resolved-1",
                f"{three}-opened-1", f"{three}-acknowledged-1", f"{one}-opened-2",
            ], 1
        )  # fmt: skip
        assert (receiver.forged, receiver.refusals) == (0, [])
        bodies = dict(receiver.taken)
        assert bodies[f"{three}-acknowledged-1"]["data"]["decisions"][0]["by"] == "Ada"
        assert bodies[f"{one}-opened-1"]["type"] == "strata.incident.opened"
        assert bodies[f"{one}-opened-1"]["data"]["severity"] == "high"


def told(webhook: Webhook, notice: Notice) -> None:
    trio.run(webhook.tell, notice)


@pytest.fixture
def notice(settings: Settings) -> Notice:
    with IncidentLog(settings.ledger) as log, Desk(log._engine.url.render_as_string()) as desk:
        return Notice("opened", desk.case(fail(log, "node-1")))


@pytest.mark.parametrize("status", [302, 307, 400, 401, 410, 500])
def test_what_is_not_taken_is_said_to_have_failed_and_no_redirect_is_followed(notice: Notice, status: int) -> None:
    with receiving(status) as receiver:
        with pytest.raises(OutletFailed, match=f"status {status}"):
            told(Webhook(receiver.url, SECRET), notice)
        assert receiver.asked == 1
        told(Webhook(receiver.url, SECRET), notice)
        assert receiver.times == {notice.delivery: 1}


def test_a_receiver_that_is_gone_is_said_to_be_without_its_address(notice: Notice) -> None:
    with receiving() as receiver:
        pass
    with pytest.raises(OutletFailed, match="does not answer: ConnectError") as failed:
        told(Webhook(f"{receiver.url}?hush", SECRET), notice)
    assert "hush" not in str(failed.value)


def test_a_receiver_takes_nothing_that_is_signed_by_another(notice: Notice) -> None:
    with receiving() as receiver:
        with pytest.raises(OutletFailed, match="status 401"):
            told(Webhook(receiver.url, SECRET.replace("A", "B")), notice)
        assert (receiver.forged, receiver.taken) == (1, [])
