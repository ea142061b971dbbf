"""A process killed at any point of a write leaves the old state or the new one. Real processes, real SIGKILL."""

import json
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from itertools import pairwise
from pathlib import Path

import pytest

from strata.store import Ledger, Store
from tests.unit.store.writers import BIG, DIGEST, OLD

Outcome = tuple[int, int]  # exit code, lines run
Doom = Callable[..., Outcome]


@pytest.fixture(scope="module")
def doom() -> Iterator[Doom]:
    """Have a child do an operation, and kill it at a line or after a time."""
    script = Path(__file__).with_name("writers.py")
    with subprocess.Popen([sys.executable, script, "doomed"], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as server:

        def command(do: str, root: Path, *, kill_at: int | None = None, after: float | None = None) -> Outcome:
            order = {"do": do, "root": str(root), "kill_at": kill_at, "after": after}
            server.stdin.write(json.dumps(order).encode() + b"\n")
            server.stdin.flush()
            answer = json.loads(server.stdout.readline())
            return answer["code"], answer["lines"]

        yield command
        server.stdin.close()


def prepare(root: Path) -> None:
    store = Store(root)
    store.put(b"new")
    store.put(b"need")
    store.put(b"loose")
    store.put_artifact(b"old", "model", "best")


def check(root: Path) -> None:
    """Whatever happened: the store is sound, the ref stands for one of its two blobs, and the next writer succeeds."""
    store = Store(root)
    assert store.verify().sound
    ref = store.ref("model", "best")
    assert ref is not None
    assert store.read(ref.digest) in (b"old", b"new")
    with store.partial(DIGEST, len(BIG)) as part:
        part.write(BIG[part.offset :])
        part.commit()
    assert store.read(DIGEST) == BIG
    store.gc(0)
    assert store.verify().sound
    assert not [*store.layout.staging.glob("*"), *store.layout.partials.glob("*")]


@pytest.mark.parametrize("operation", ["put", "set_ref", "receive", "collect"])
def test_killed_at_every_line(doom: Doom, tmp_path: Path, operation: str) -> None:
    whole = tmp_path / "whole"
    prepare(whole)
    code, lines = doom(operation, whole)
    assert (code, lines > 20) == (0, True)
    check(whole)
    for line in range(1, lines + 1):
        root = tmp_path / str(line)
        prepare(root)
        assert doom(operation, root, kill_at=line)[0] == -signal.SIGKILL
        check(root)


@pytest.mark.parametrize("operation", ["put", "set_ref", "receive", "collect"])
def test_killed_at_random_moments(doom: Doom, tmp_path: Path, operation: str) -> None:
    rng = random.Random(operation)
    for turn in range(25):
        root = tmp_path / str(turn)
        prepare(root)
        assert doom(operation, root, after=rng.uniform(0, 0.03))[0] == -signal.SIGKILL
        check(root)


def test_a_file_killed_at_every_line_of_its_writing_is_the_old_one_or_the_new(doom: Doom, tmp_path: Path) -> None:
    file = tmp_path / "file"
    code, lines = doom("write", tmp_path)
    assert (code, lines > 10) == (0, True)
    seen = set()
    for line in range(1, lines + 1):
        file.write_bytes(b"old")
        assert doom("write", tmp_path, kill_at=line)[0] == -signal.SIGKILL
        seen.add(file.read_bytes())
    assert seen == {b"old", b"new"}


def check_ledger(root: Path) -> int:
    with Ledger(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        pointer, history = ledger.pointer("champion"), ledger.history("champion")
        assert pointer is not None
        assert (pointer.digest, pointer.revision) == (history[0].digest, history[0].revision)
        assert [move.revision for move in history] == list(range(len(history), 0, -1))
        assert all(later.previous == earlier.digest for later, earlier in pairwise(history))
    return pointer.revision


def new_ledger(root: Path) -> None:
    with Ledger(f"sqlite:///{root / 'ledger.sqlite'}") as ledger:
        ledger.move("champion", OLD, expected=None)


def test_a_pointer_move_killed_at_sampled_lines(doom: Doom, tmp_path: Path) -> None:
    (tmp_path / "whole").mkdir()
    new_ledger(tmp_path / "whole")
    code, lines = doom("move", tmp_path / "whole")
    assert (code, check_ledger(tmp_path / "whole")) == (0, 2)
    seen = set()
    rng = random.Random(7)
    anywhere, late = (
        range(1, lines),
        range(lines * 9 // 10, lines),
    )  # the commit comes late, after much compiling of SQL
    for line in {*rng.sample(anywhere, 30), *rng.sample(late, 40)}:
        root = tmp_path / str(line)
        root.mkdir()
        new_ledger(root)
        assert doom("move", root, kill_at=line)[0] == -signal.SIGKILL
        seen.add(check_ledger(root))
    assert seen == {1, 2}, "some were killed before the commit and some after it"


def test_pointer_moves_killed_at_random_moments(doom: Doom, tmp_path: Path) -> None:
    new_ledger(tmp_path)
    rng = random.Random(11)
    for _ in range(20):
        assert doom("move", tmp_path, after=rng.uniform(0, 0.05))[0] == -signal.SIGKILL
        check_ledger(tmp_path)
