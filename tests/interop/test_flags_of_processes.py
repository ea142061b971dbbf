"""A process that runs on heeds its `.env` at its next connection: it is not restarted, and nor is anybody else."""

import os
import subprocess
import sys
from pathlib import Path

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.files import write
from strata.mesh import Libp2p, Roster, write_membership
from strata.mesh.transport.session import Session
from tests.support.channels import ALICE, BOB, MESH
from tests.support.talker import MESSAGES, TALK

REPOSITORY = Path(__file__).parents[2]


def records_of_talk(address: str) -> int:
    """How many records its messages came in, over a connection that is made now."""
    roster = Roster(MESH)
    roster.update(MESH.with_member(BOB.card, "bob", (address,)).seal(ALICE))
    came, read = 0, Session.read_record

    async def counted(session: Session) -> memoryview:
        nonlocal came
        came += 1
        return await read(session)

    async def listen() -> None:
        nonlocal came
        near = Libp2p(ALICE, roster)
        async with near.opened():
            connection = await near.dial(BOB.peer_id, 10, TALK)
            for _ in range(MESSAGES):
                assert bytes(await connection.receive()) == b"message"
            await connection.aclose()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(Session, "read_record", counted)
        trio.run(listen)
    return came


def test_a_process_heeds_its_env_file_at_its_next_connection(tmp_path: Path) -> None:
    BOB.save(tmp_path / "identity.json")
    write_membership(tmp_path / "mesh", MESH.seal(ALICE))
    environment = {name: value for name, value in os.environ.items() if not name.startswith(("LIBP2P_", "STRATA_"))}
    environment["PYTHONPATH"] = f"{REPOSITORY / 'src'}:{REPOSITORY}"
    command = [sys.executable, "-m", "tests.support.talker", str(tmp_path), str(tmp_path / "mesh")]
    with subprocess.Popen(command, cwd=tmp_path, env=environment, stdout=subprocess.PIPE, text=True) as process:
        try:
            address = process.stdout.readline().strip()
            for text, joined in (("", True), ("LIBP2P_PERFORMANCE_OPT=false\n", False), ("", True)):
                write(tmp_path / ".env", text.encode())
                assert (records_of_talk(address) < MESSAGES) is joined, text
            assert process.poll() is None
        finally:
            process.kill()
