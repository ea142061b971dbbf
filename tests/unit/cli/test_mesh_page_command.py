"""`strata mesh page`: what it refuses before it serves anything."""

import socket
from importlib.util import find_spec

import pytest

from strata.cli import main
from strata.mesh import edit_membership
from strata.secure import Identity

over_libp2p = pytest.mark.skipif(
    find_spec("libp2p") is None, reason="NOT TESTED: libp2p is not installed (make setup, or pip install strata[mesh])"
)


@pytest.fixture
def strata(capsys, tmp_path, monkeypatch):
    """Run a command line of `strata mesh`; its status and error output."""
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("STRATA_LEDGER_URL", raising=False)

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main(["mesh", *arguments])
        return ended.value.code or 0, capsys.readouterr().err

    return run


def test_only_a_coordinator_serves_it(strata, tmp_path):
    strata("init", "--role", "node")
    status, error = strata("page", "--listen", "127.0.0.1:0", "--websocket", "127.0.0.1:0")
    assert status == 2
    assert "is not a coordinator of this mesh" in error


def test_who_is_no_member_serves_it_even_less(strata, tmp_path):
    strata("init")
    home = tmp_path / "home"
    other = Identity.generate()
    owner = Identity.load(home / "identity.json")
    edit_membership(home / "mesh", owner, lambda known: known.with_member(other.card, "other"))
    edit_membership(home / "mesh", owner, lambda known: known.without(owner.peer_id))
    status, error = strata("page", "--listen", "127.0.0.1:0", "--websocket", "127.0.0.1:0")
    assert status == 2
    assert "revoked" in error


@over_libp2p
@pytest.mark.parametrize("option", ["--listen", "--websocket"])
def test_an_address_that_is_taken_is_told(strata, option):
    strata("init")
    with socket.create_server(("127.0.0.1", 0)) as taken:
        places = {"--listen": "127.0.0.1:0", "--websocket": "127.0.0.1:0"}
        places[option] = f"127.0.0.1:{taken.getsockname()[1]}"
        status, error = strata("page", *(part for place in places.items() for part in place))
    assert status == 2
    assert "cannot listen on" in error


def test_a_model_that_is_not_there_is_told(strata):
    strata("init")
    status, error = strata("page", "--model", "nonesuch")
    assert status == 2
    assert "no model 'nonesuch'" in error


@over_libp2p
@pytest.mark.parametrize(
    "public", ["nonsense", "/dns4/mesh.example.org/tcp/443", "/ip4/10.0.0.7/tcp/80/ws/p2p/12D3KooW"]
)
def test_a_public_address_must_be_one_of_websocket(strata, public):
    strata("init")
    status, error = strata("page", "--listen", "127.0.0.1:0", "--websocket", "127.0.0.1:0", "--public", public)
    assert status == 2
    assert "no browser can dial" in error
