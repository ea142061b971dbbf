"""A mesh of processes over libp2p in which one member is behind a relay and another behind a front."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import LocalMesh, read_membership, write_membership
from strata.secure import Identity

STRATA = [sys.executable, "-c", "from strata.cli import main; main()"]


class WithARelay(LocalMesh):
    """The first member is a front and a relay."""

    def arguments(self, folder: Path, address: str):
        more = ["--front", "--relay"] if folder.name == "node-1" else []
        return [*super().arguments(folder, address), *more]


def test_members_behind_a_relay_and_a_front_are_swept_with_the_others(tmp_path: Path):
    home = {"STRATA_HOME": str(tmp_path / "home"), "STRATA_LEDGER_URL": f"sqlite:///{tmp_path}/ledger.sqlite"}
    with WithARelay(tmp_path, 4, transport="libp2p") as mesh:
        between, relayed, fronted, _ = mesh.nodes
        circuit = f"{between.address}/p2p/{between.peer_id}/p2p-circuit"
        membership = read_membership(mesh.mesh_file)
        for node, addresses in ((relayed, [circuit]), (fronted, [f"@{between.name}", fronted.address])):
            membership = membership.with_member(membership.named(node.name).card, node.name, addresses)
        write_membership(mesh.mesh_file, membership.seal(Identity.load(mesh.identity_file)))
        mesh.restart(relayed.name)  # it now knows that it needs a place at the relay
        for _ in range(3):  # the others are told by the first sweep
            done = subprocess.run(
                [
                    *STRATA,
                    "mesh",
                    "sweep",
                    "--home",
                    str(mesh.identity_file.parent),
                    "--mesh",
                    str(mesh.mesh_file),
                    "--json",
                ],
                env={**os.environ, **home},
                capture_output=True,
                text=True,
                timeout=120,
                check=False,
            )
            assert done.returncode in (0, 1), done.stderr
            found = json.loads(done.stdout)["sweeps"][-1]
        assert (found["alive"], found["reach"], found["dead"]) == (4, 1.0, [])
        assert found["vertex_connectivity"] >= 2
