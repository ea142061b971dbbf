"""Two machines and one S3 server: processes with homes of their own, which share a store and a ledger by settings."""

import json
import os
import random
import secrets
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strata.settings import Settings
from strata.store import ChampionLog, IncidentLog, store_at
from tests.support import postgres
from tests.support import s3 as s3_server
from tests.support.doomed import BIG, DIGEST, NEW, OLD
from tests.support.prefect_server import ROOT

pytestmark = pytest.mark.timeout(600)

PUT_AND_NAME = """
from strata.settings import Settings
from strata.store import open_store
store = open_store(Settings())
ref = store.put_artifact(bytes(range(256)) * 100_000, "model", "best")
print(ref.digest)
"""
READ = """
from strata.settings import Settings
from strata.store import open_store
store = open_store(Settings())
ref = store.ref("model", "best")
assert store.read(ref.digest) == bytes(range(256)) * 100_000
print(ref.digest)
"""
PLANT = """
from pathlib import Path
from strata.settings import Settings
from tests.support.champions import SHIPPED, plant
print(*plant(Settings(), SHIPPED / "coding", SHIPPED / "math"))
"""


@pytest.fixture(scope="module")
def s3(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    if not s3_server.can_serve():
        pytest.skip("NOT TESTED: moto's S3 server or s3fs is not installed")
    with (
        s3_server.served(tmp_path_factory.mktemp("s3")) as endpoint,
        pytest.MonkeyPatch.context() as patch,
    ):
        for name, value in s3_server.environment(endpoint).items():
            patch.setenv(name, value)
        yield endpoint


@pytest.fixture
def url(s3: str) -> str:
    bucket = f"bucket-{secrets.token_hex(8)}"
    s3_server.make_bucket(s3, bucket)
    return f"s3://{bucket}/strata"


def machine(home: Path, **more: str) -> dict[str, str]:
    """The environment of a machine's processes."""
    return os.environ | {"STRATA_HOME": str(home)} | more


def run(environment: dict[str, str], *arguments: str) -> str:
    command = [sys.executable, *arguments]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stdout + done.stderr
    assert s3_server.SECRET not in done.stdout + done.stderr
    return done.stdout


def strata(environment: dict[str, str], *arguments: str) -> dict:
    return json.loads(run(environment, "-c", "from strata.cli import main; main()", *arguments, "--json"))


def test_what_one_machine_puts_and_names_another_reads(tmp_path: Path, url: str) -> None:
    one, other = (machine(tmp_path / name, STRATA_STORE_URL=url) for name in ("one", "other"))
    digest = run(one, "-c", PUT_AND_NAME).strip()
    before = strata(other, "store", "status")
    assert (before["here"]["blobs"], before["shared"]["where"], before["shared"]["blobs"]) == (0, url, 1)
    assert run(other, "-c", READ).strip() == digest
    after = strata(other, "store", "status")
    assert (after["here"]["bytes"], after["only_there"]) == (25_600_000, [0, 0])
    assert strata(other, "store", "verify")["sound"]
    assert strata(other, "store", "gc", "--grace", "0")["removed"] == []
    assert strata(one, "store", "list")["refs"][0]["digest"] == digest


@pytest.mark.parametrize("ledger", ["sqlite", "postgresql"])
def test_a_champion_of_one_machine_is_rolled_back_on_another(tmp_path: Path, url: str, ledger: str) -> None:
    if ledger == "sqlite":
        _promote_here_and_roll_back_there(tmp_path, url, f"sqlite:///{tmp_path / 'ledger.sqlite'}")
        return
    if not postgres.can_serve():
        pytest.skip("NOT TESTED: PostgreSQL's server is not installed")
    with postgres.serve() as server:
        _promote_here_and_roll_back_there(tmp_path, url, server.new_database())


def _promote_here_and_roll_back_there(folder: Path, url: str, ledger: str) -> None:
    shared = {"STRATA_STORE_URL": url, "STRATA_LEDGER_URL": ledger}
    one, other = (machine(folder / name, **shared) for name in ("one", "other"))
    first, second = run(one, "-c", PLANT).split()
    done = strata(other, "evolution", "rollback", "--reason", "worse on the other machine", "--regressed")
    assert (done["left"], done["target"], done["passed_over"]) == (second, first, [])
    here, there = (Settings(STRATA_HOME=folder / name).store_root for name in ("one", "other"))
    with ChampionLog(ledger) as log, IncidentLog(log) as incidents:
        assert [(change.digest, change.kind) for change in log.history()] == [
            (first, "regression"),
            (second, "promotion"),
            (first, "promotion"),
        ]
        assert [each.state for each in incidents.recent("evolution")] == ["resolved"]
    assert store_at(there, None).has(first), "every byte was verified there"
    assert strata(one, "evolution", "rollback", "--dry-run", "--to", second)["target"] == second
    assert store_at(here, None).has(second)


class Kills:
    """Has children do an operation on the store, and kills them."""

    def __init__(self, process: "subprocess.Popen[str]") -> None:
        self._process = process

    def __call__(self, do: str, url: str, *, kill_at: int | None = None, after: float | None = None) -> tuple[int, int]:
        self._process.stdin.write(json.dumps({"do": do, "url": url, "kill_at": kill_at, "after": after}) + "\n")
        self._process.stdin.flush()
        answer = json.loads(self._process.stdout.readline())
        return answer["code"], answer["passed"]


@pytest.fixture
def kills(tmp_path: Path, s3: str) -> Iterator[Kills]:
    command = [sys.executable, "-m", "tests.support.doomed", str(tmp_path)]
    with subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) as process:
        yield Kills(process)
        process.stdin.close()


def prepare(url: str, folder: Path) -> None:
    store = store_at(folder, url)
    for data in (b"new", b"need", b"loose"):
        store.put(data)
    store.put_artifact(b"old", "model", "best")


def check(url: str, folder: Path) -> str:
    """What another machine sees, whatever happened: all is sound, the name stands for one of two blobs, and it goes on.

    Returns for which.
    """
    store = store_at(folder, url)
    assert store.verify().sound
    ref = store.ref("model", "best")
    assert ref.digest in (OLD, NEW)
    assert store.read(ref.digest) in (b"old", b"new")
    if store.has(DIGEST):
        assert store.read(DIGEST) == BIG
    assert store.put(BIG) == DIGEST
    store.gc(0)
    assert store.verify().sound
    return ref.digest


@pytest.mark.parametrize("operation", ["put", "name", "collect", "receive"])
def test_killed_before_every_request(tmp_path: Path, url: str, kills: Kills, operation: str) -> None:
    prepare(f"{url}/whole", tmp_path / "before")
    code, passed = kills(operation, f"{url}/whole")
    assert (code, passed >= 4) == (0, True)
    seen = set()
    for number in range(1, passed + 1, 2):  # each beginning; where one has ended, the next has not begun
        place = f"{url}/{number}"
        prepare(place, tmp_path / f"before{number}")
        assert kills(operation, place, kill_at=number)[0] == -signal.SIGKILL
        seen.add(check(place, tmp_path / f"after{number}"))
    assert seen == ({OLD, NEW} if operation == "name" else {OLD})


@pytest.mark.parametrize("operation", ["put", "name", "collect", "receive"])
def test_killed_at_random_moments(tmp_path: Path, url: str, kills: Kills, operation: str) -> None:
    rng = random.Random(operation)
    for turn in range(6):
        place = f"{url}/{turn}"
        prepare(place, tmp_path / f"before{turn}")
        assert kills(operation, place, after=rng.uniform(0, 0.2))[0] == -signal.SIGKILL
        check(place, tmp_path / f"after{turn}")
