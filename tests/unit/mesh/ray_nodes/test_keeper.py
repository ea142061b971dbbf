"""A keeper and processes that are as nodes are to it: they say where they listen, and end with their standard input."""

import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from strata.errors import StrataError
from strata.mesh import NodeDidNotStart
from strata.mesh.ray_nodes import keeper as module
from strata.mesh.ray_nodes.keeper import Keeper
from strata.secure import Identity, PeerCard

NODE = """
import json, pathlib, sys
arguments = dict(zip(sys.argv[2::2], sys.argv[3::2]))
home = pathlib.Path(arguments["--home"])
(home / "arguments").write_text(" ".join(sys.argv[1:]))
if (home / "broken").exists():
    sys.exit("it is broken")
print(json.dumps({"address": "127.0.0.1:9"}), flush=True)
sys.stdin.read()
"""


@pytest.fixture
def keeper(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Keeper]:
    monkeypatch.setattr(module, "strata_command", lambda arguments: [sys.executable, "-c", NODE, *arguments])
    made = Keeper("ray-1", str(tmp_path), ["--memory", "7"])
    yield made
    made.stop()


def kill(keeper: Keeper) -> int:
    assert keeper._process is not None
    os.kill(keeper._process.pid, signal.SIGKILL)
    return keeper._process.pid


def events(keeper: Keeper, count: int) -> list[tuple[str, str]]:
    found = []
    while len(found) < count:
        new = keeper.told(len(found), 30.0)
        assert new, "nothing happened"
        found += new
    assert [each.number for each in found] == list(range(1, count + 1))
    return [(each.kind, each.detail) for each in found]


def test_the_key_stays_where_it_is_made(keeper: Keeper, tmp_path: Path):
    card = PeerCard.from_text(keeper.card(frozenset()))
    own = Identity.load(tmp_path / "ray-1" / "identity.json")
    assert card == own.card
    assert (tmp_path / "ray-1" / "identity.json").stat().st_mode & 0o077 == 0


def test_a_key_that_was_revoked_is_replaced_and_another_is_not(keeper: Keeper, tmp_path: Path):
    before = keeper.card(frozenset())
    keeper.stop()
    again = Keeper("ray-1", str(tmp_path), [])
    assert again.card({"somebody"}) == before
    again.stop()
    once_more = Keeper("ray-1", str(tmp_path), [])
    assert once_more.card({PeerCard.from_text(before).peer_id}) != before
    once_more.stop()


def test_two_keepers_do_not_share_a_home(keeper: Keeper, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(module, "CLAIM_SECONDS", 0.2)
    keeper.card(frozenset())
    other = Keeper("ray-1", str(tmp_path), [])
    with pytest.raises(StrataError, match="another node has its home in"):
        other.card(frozenset())
    other.stop()


def test_a_node_that_is_killed_is_started_again_at_its_address(keeper: Keeper, tmp_path: Path):
    keeper.card(frozenset())
    assert keeper.start(b"sealed", "127.0.0.1") == "127.0.0.1:9"
    assert (tmp_path / "ray-1" / "given").read_bytes() == b"sealed"
    said = (tmp_path / "ray-1" / "arguments").read_text()
    assert said.endswith("--listen 127.0.0.1:0 --supervised --memory 7")
    before = kill(keeper)
    keeper.take(b"newer")
    assert events(keeper, 2) == [("died", "its process ended by SIGKILL"), ("back", "")]
    assert keeper._process.pid != before
    assert "--listen 127.0.0.1:9 " in (tmp_path / "ray-1" / "arguments").read_text()
    assert (tmp_path / "ray-1" / "given").read_bytes() == b"newer"


def test_one_that_does_not_start_again_is_tried_until_it_does(keeper: Keeper, tmp_path: Path):
    keeper.card(frozenset())
    keeper.start(b"", "127.0.0.1")
    (tmp_path / "ray-1" / "broken").touch()
    kill(keeper)
    assert events(keeper, 2)[1] == ("failed", "ray-1 did not start: it is broken")
    (tmp_path / "ray-1" / "broken").unlink()
    assert events(keeper, 3)[2] == ("back", "")


def test_one_that_does_not_start_at_all_is_told_of(keeper: Keeper, tmp_path: Path):
    keeper.card(frozenset())
    (tmp_path / "ray-1" / "broken").touch()
    with pytest.raises(NodeDidNotStart, match="ray-1 did not start: it is broken"):
        keeper.start(b"", "127.0.0.1")


@pytest.mark.parametrize("when", ["running", "waiting"])
def test_nothing_is_left_when_it_is_stopped(keeper: Keeper, tmp_path: Path, when: str):
    keeper.card(frozenset())
    keeper.start(b"", "::1")
    assert "--listen [::1]:0 " in (tmp_path / "ray-1" / "arguments").read_text()
    if when == "waiting":
        (tmp_path / "ray-1" / "broken").touch()
        kill(keeper)
        events(keeper, 2)
    keeper.stop()
    assert keeper._process.poll() is not None
    assert keeper.told(2, 30.0) == []  # at once
