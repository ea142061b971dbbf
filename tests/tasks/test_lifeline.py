"""A run that a worker has started ends with its worker; what nobody holds goes on."""

import os
import signal
import subprocess
import sys

import pytest

CODE = """
import signal
signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGUSR1})
def told(*_):
    print("told", flush=True)
    raise SystemExit(3)
signal.signal(signal.SIGTERM, told)
from tasks.lifeline import end_with_worker
end_with_worker()
end_with_worker()
print("ready", flush=True)
signal.sigtimedwait((signal.SIGUSR1,), 30)
"""


def start(stdin: int, **environment: str) -> "subprocess.Popen[str]":
    return subprocess.Popen(
        [sys.executable, "-c", CODE], stdin=stdin, stdout=subprocess.PIPE, text=True, env=os.environ | environment
    )


def ended(process: "subprocess.Popen[str]") -> str:
    process.kill()
    rest, _ = process.communicate()
    return rest


def test_it_is_told_when_the_pipe_ends() -> None:
    process = start(subprocess.PIPE, PREFECT__FLOW_RUN_ID="1")
    try:
        assert process.stdout is not None
        assert process.stdin is not None
        assert process.stdout.readline() == "ready\n"
        assert process.poll() is None
        process.stdin.close()
        assert process.stdout.readline() == "told\n"
        assert process.wait(20) == 3
    finally:
        process.kill()
        process.wait()
        process.stdout.close()


@pytest.mark.parametrize(
    ("stdin", "environment"), [(subprocess.PIPE, {}), (subprocess.DEVNULL, {"PREFECT__FLOW_RUN_ID": "1"})]
)
def test_whoever_is_not_a_workers_run_goes_on(stdin: int, environment: dict[str, str]) -> None:
    process = start(stdin, **environment)
    try:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        if process.stdin is not None:
            process.stdin.close()
        process.send_signal(signal.SIGUSR1)  # ends its waiting: whether it was told before, it would have said
        assert process.stdout.readline() == ""
        assert process.wait(20) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
