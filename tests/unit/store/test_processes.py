"""One store and one ledger, used by many processes at once."""

import fcntl
import hashlib
import os
import subprocess
import sys
from pathlib import Path

import pytest

from strata.store import Store, partial, store, sweep
from tests.unit.store.writers import BLOBS, shared_blob

WRITERS = 5


def test_many_writers_and_collectors_keep_every_promise(tmp_path: Path) -> None:
    """Half of the blobs lie there already, old and unnamed: collectors take them from under the writers, or do not."""
    shared = Store(tmp_path)
    for index in range(0, BLOBS, 2):
        os.utime(shared.layout.blob(shared.put(shared_blob(index))), (0, 0))
    script = Path(__file__).with_name("writers.py")
    crowd = [
        subprocess.Popen(
            [sys.executable, script, "crowd", tmp_path, str(seed)], stdin=subprocess.PIPE, stderr=subprocess.PIPE
        )
        for seed in range(WRITERS)
    ]
    for process in crowd:
        process.stdin.write(b"go\n")
        process.stdin.flush()
    for process in crowd:
        _, errors = process.communicate()
        assert (process.returncode, errors.decode()) == (0, "")

    digests = {hashlib.sha256(shared_blob(index)).hexdigest() for index in range(BLOBS)}
    refs = list(shared.refs())
    assert len(refs) == WRITERS * BLOBS + 1
    assert {ref.digest for ref in refs} == digests
    report = shared.verify()
    assert (report.sound, report.checked) == (True, BLOBS)
    assert shared.gc(0).leftovers == 0


@pytest.fixture
def lock(tmp_path: Path):
    """Ask what a stranger could do with the store's lock at this moment."""

    def available(kind: int) -> bool:
        with open(tmp_path / "lock") as file:
            try:
                fcntl.flock(file, kind | fcntl.LOCK_NB)
            except BlockingIOError:
                return False
            return True

    return available


def test_nobody_publishes_while_the_collector_works(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock) -> None:
    asked = []

    def watched(original):
        def step(*args, **options):
            asked.append(lock(fcntl.LOCK_SH))
            return original(*args, **options)

        return step

    Store(tmp_path).put(b"loose")
    for step in ("_named", "_blobs", "_remove_if_dead"):
        monkeypatch.setattr(sweep, step, watched(getattr(sweep, step)))
    (tmp_path / "staging" / "left").touch()
    assert len(Store(tmp_path).gc(0).removed) == 1
    assert asked == [False, False, False]


def test_nobody_collects_while_a_writer_publishes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, lock) -> None:
    asked = []

    def watched(source: Path, target: Path) -> None:
        asked.append((lock(fcntl.LOCK_SH), lock(fcntl.LOCK_EX)))
        original(source, target)

    original = store.replace
    monkeypatch.setattr(store, "replace", watched)
    monkeypatch.setattr(partial, "replace", watched)
    shared = Store(tmp_path)
    ref = shared.put_artifact(b"data", "kind", "name")
    data = b"in pieces"
    with shared.partial(hashlib.sha256(data).hexdigest(), len(data)) as part:
        part.write(data)
        part.commit()
    shared.set_ref("kind", "other", ref.digest)
    assert asked == [(True, False)] * 4, "other writers may, a collector may not"
