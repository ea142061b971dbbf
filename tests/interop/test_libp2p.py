"""Other implementations of libp2p dial us and are dialled, where the policy lets them; stock py-libp2p and js-libp2p.

js-libp2p is what `tests/interop/js/package-lock.json` says, installed by npm into a temporary folder.
"""

import json
import subprocess
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
import trio

pytest.importorskip("libp2p", reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])")

from strata.mesh import Roster, Unreachable, dial_peer, open_host
from strata.secure import Identity
from tests.support.channels import ALICE, BOB, MESH
from tests.support.hosts import address, digest_of, identify, ping, run, serve_digests, stock_host
from tests.support.npm import installed

MEBIBYTES = 64
NOISE = "/noise"
TRANSPORTS = {"tcp": "/ip4/127.0.0.1/tcp/0", "websocket": "/ip4/127.0.0.1/tcp/0/ws"}
over_each = pytest.mark.parametrize("where", TRANSPORTS.values(), ids=TRANSPORTS)
SOURCES = Path(__file__).parent / "js"


@over_each
def test_a_stock_host_dials_us_where_the_policy_lets_it(where) -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), (where,), stock={ALICE.peer_id}) as bob, stock_host(ALICE) as alice:
            serve_digests(bob)
            connection = await dial_peer(alice, address(bob))
            assert connection.get_negotiated_security_protocol() == NOISE
            await everything(alice, bob.get_id())

    run(test, seconds=200)


@over_each
def test_a_stock_host_is_dialled_where_the_policy_lets_it(where) -> None:
    async def test() -> None:
        async with (
            open_host(BOB, Roster(MESH), stock={ALICE.peer_id}) as bob,
            stock_host(ALICE, (where,)) as alice,
        ):
            serve_digests(alice)
            connection = await dial_peer(bob, address(alice))
            assert connection.get_negotiated_security_protocol() == NOISE
            await everything(bob, alice.get_id())

    run(test, seconds=200)


async def everything(host, peer) -> None:
    assert 0 < await ping(host, peer) < 5
    assert "/ipfs/ping/1.0.0" in (await identify(host, peer)).protocols
    assert await digest_of(host, peer, MEBIBYTES)


@pytest.fixture(scope="session")
def javascript(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with js-libp2p in it."""
    return installed(SOURCES, tmp_path_factory.mktemp("js-libp2p") / "js")


@over_each
def test_js_libp2p_dials_us_where_the_policy_lets_it(javascript, where) -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), (where,), stock={ALICE.peer_id}) as bob:
            serve_digests(bob)
            said = await dial_from_js(javascript, ALICE, address(bob))
            assert said["encryption"] == NOISE
            assert said["intact"]
            assert said["ping"] >= 0
            assert "/ipfs/ping/1.0.0" in said["protocols"]

    run(test, seconds=200)


@over_each
def test_js_libp2p_is_dialled_where_the_policy_lets_it(javascript, where) -> None:
    async def test() -> None:
        async with (
            js_listening(javascript, ALICE) as addresses,
            open_host(BOB, Roster(MESH), stock={ALICE.peer_id}) as bob,
        ):
            connection = await dial_peer(bob, next(each for each in addresses if ("/ws" in each) == ("/ws" in where)))
            assert connection.get_negotiated_security_protocol() == NOISE
            await everything(bob, connection.muxed_conn.peer_id)

    run(test, seconds=200)


@pytest.mark.parametrize("policy", [(), {BOB.peer_id}], ids=["nobody", "somebody else"])
def test_js_libp2p_is_refused_unless_the_policy_names_it(javascript, policy) -> None:
    async def test() -> None:
        async with open_host(BOB, Roster(MESH), stock=policy) as bob:
            said = await dial_from_js(javascript, ALICE, address(bob))
            assert "error" in said
            assert not bob.get_network().get_connections()
            async with js_listening(javascript, ALICE) as addresses:
                with pytest.raises(Unreachable):
                    await dial_peer(bob, addresses[0])

    run(test, seconds=200)


async def dial_from_js(folder: Path, identity: Identity, where: str) -> dict:
    command = ["node", "peer.js", "dial", identity.signing_seed.hex(), where, str(MEBIBYTES)]
    done = await trio.run_process(command, cwd=folder, capture_stdout=True)
    return json.loads(done.stdout)


@asynccontextmanager
async def js_listening(folder: Path, identity: Identity) -> AsyncIterator[list[str]]:
    """Its addresses, while it runs."""
    command = ["node", "peer.js", "listen", identity.signing_seed.hex()]
    process = await trio.lowlevel.open_process(command, cwd=folder, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
    try:
        line = b""
        while not line.endswith(b"\n"):
            line += await process.stdout.receive_some()
        yield json.loads(line)["addresses"]
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
        await process.stdin.aclose()
        await process.stdout.aclose()
