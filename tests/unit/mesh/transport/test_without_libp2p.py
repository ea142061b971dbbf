"""A newcomer who has not installed libp2p."""

import sys

import pytest
import trio

import strata.mesh.transport as transport
from strata.mesh import CannotListen, Roster, open_host
from tests.support.channels import BOB, MESH


def test_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "libp2p", None)
    monkeypatch.delitem(sys.modules, "strata.mesh.transport.build", raising=False)
    monkeypatch.delattr(transport, "build", raising=False)

    async def test() -> None:
        async with open_host(BOB, Roster(MESH)):
            raise AssertionError("it opened")

    with pytest.raises(CannotListen, match=r"libp2p is not installed .*strata\[mesh\]"):
        trio.run(test)
