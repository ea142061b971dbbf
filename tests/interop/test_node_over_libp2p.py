"""A node's process is reached over direct links and over libp2p, and computes the same over either."""

import os
import subprocess
import sys
from contextlib import ExitStack
from pathlib import Path

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.inference import Checkpoint, Coordinator, GenerationParams
from strata.mesh import Roster, write_membership
from strata.secure import Identity, Membership
from tests.support.nodes import split, tiny_llama

REPOSITORY = Path(__file__).parents[2]
NAMES = ("a", "b")
LOGGED = "listening for libp2p at "
DIRECT = '{"peer_id"'


def started(folder: Path, stack: ExitStack) -> tuple[str, str]:
    """Start the node whose key is in this folder; where it listens, both ways."""
    command = [
        sys.executable, "-c", "from strata.cli import main; main()", "node", "--home", str(folder), "--mesh",
        str(folder.parent / "mesh"), "--libp2p", "/ip4/127.0.0.1/tcp/0", "--memory", "200M", "--threads", "1",
    ]  # fmt: skip
    environment = os.environ | {"PYTHONPATH": str(REPOSITORY / "src")}
    process = stack.enter_context(
        subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    )
    stack.callback(process.kill)
    found: dict[str, str] = {}
    for line in process.stdout:
        for mark in (LOGGED, DIRECT):
            if mark in line:
                found[mark] = line.strip().rpartition(LOGGED)[2]
        if len(found) == 2:
            address = found[DIRECT].partition('"address": "')[2].partition('"')[0]
            return address, found[LOGGED]
    raise AssertionError("it ended")


def test_a_node_computes_the_same_over_links_and_over_streams(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tiny_llama(tmp_path / "model")
    owner, keys = Identity.generate(), {name: Identity.generate() for name in NAMES}
    membership = Membership.found(owner).with_member(owner.card, "owner", (), ("coordinator",))
    for name in NAMES:
        membership = membership.with_member(keys[name].card, name)
        (tmp_path / name).mkdir()
        keys[name].save(tmp_path / name / "identity.json")
    write_membership(tmp_path / "mesh", membership.seal(owner))
    checkpoint, plan = Checkpoint.open(tmp_path / "model"), split(tmp_path / "model", NAMES, (2,))

    async def tokens() -> tuple[str, list[list[int]]]:
        async with Coordinator.connect(owner, Roster(membership), tmp_path, membership.seal(owner)) as coordinator:
            ways = {type(client.wire.link).__name__ for client in coordinator._connections.clients}
            await coordinator.distribute(checkpoint, plan)
            result = await coordinator.generate(checkpoint, plan, [[1, 2, 3]], GenerationParams(max_new_tokens=12))
            return ways.pop(), result.token_ids

    with ExitStack() as stack:
        for name in NAMES:
            membership = membership.with_member(keys[name].card, name, started(tmp_path / name, stack))
        found = {}
        for flag in ("true", "false"):
            monkeypatch.setenv("LIBP2P_PERFORMANCE_OPT", flag)
            way, found[flag] = trio.run(tokens)
            assert way == ("Link" if flag == "true" else "StreamConnection")
    assert found["true"] == found["false"]
