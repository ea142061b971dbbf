"""`strata mesh`."""

import json
import stat

import pytest

from strata.cli import main
from strata.cli.options import parse_multiaddr
from strata.mesh import read_membership
from strata.secure import Identity, PeerCard


@pytest.fixture
def strata(capsys, tmp_path, monkeypatch):
    """Run a command line; its status, output and error output."""
    monkeypatch.setenv("STRATA_HOME", str(tmp_path / "home"))

    def run(*arguments):
        with pytest.raises(SystemExit) as ended:
            main([str(argument) for argument in arguments])
        captured = capsys.readouterr()
        return ended.value.code or 0, captured.out, captured.err

    return run


@pytest.fixture
def card(strata, tmp_path):
    """The card line of another machine."""
    status, out, _ = strata("mesh", "card", "--home", tmp_path / "other")
    assert status == 0
    return out.strip()


def test_a_mesh_is_founded_joined_and_left(strata, card, tmp_path):
    mesh = tmp_path / "home" / "mesh"
    assert strata("mesh", "init", "--name", "first")[0] == 0
    status, out, _ = strata("mesh", "invite", card, "--name", "second", "--address", "127.0.0.1:4801")
    assert status == 0
    assert "second" in out
    peer_id = PeerCard.from_text(card).peer_id
    membership = read_membership(mesh, Identity.load(tmp_path / "home" / "identity.json").peer_id)
    assert [member.name for member in membership.members] == ["first", "second"]
    assert membership.named("first").roles == {"coordinator"}
    assert membership.member(peer_id).addresses == ("127.0.0.1:4801",)

    assert strata("mesh", "revoke", "second")[0] == 0
    assert read_membership(mesh).revoked == {peer_id}
    status, _, error = strata("mesh", "invite", card, "--name", "second")
    assert status == 2
    assert "revoked" in error
    status, out, _ = strata("mesh", "show", "--json")
    assert json.loads(out)["revoked"] == [peer_id]
    assert "first" in strata("mesh", "show")[1]


def test_a_peer_can_be_revoked_by_its_id(strata, card, tmp_path):
    strata("mesh", "init")
    strata("mesh", "invite", card, "--name", "second")
    peer_id = PeerCard.from_text(card).peer_id
    assert strata("mesh", "revoke", peer_id)[0] == 0
    assert read_membership(tmp_path / "home" / "mesh").revoked == {peer_id}


def test_keys_are_private_kept_and_never_replaced(strata, card, tmp_path):
    key = tmp_path / "other" / "identity.json"
    assert stat.S_IMODE(key.stat().st_mode) == 0o600
    before = key.read_bytes()
    assert strata("mesh", "card", "--home", tmp_path / "other")[1].strip() == card
    assert strata("mesh", "init", "--home", tmp_path / "other")[0] == 0
    assert key.read_bytes() == before


def test_a_mesh_is_founded_once(strata, tmp_path):
    strata("mesh", "init")
    before = (tmp_path / "home" / "mesh").read_bytes()
    status, _, error = strata("mesh", "init")
    assert status == 2
    assert "exists already" in error
    assert (tmp_path / "home" / "mesh").read_bytes() == before


def test_only_the_owner_changes_the_mesh(strata, card, tmp_path):
    strata("mesh", "init")
    status, _, error = strata(
        "mesh", "invite", card, "--name", "me", "--home", tmp_path / "other", "--mesh", tmp_path / "home" / "mesh"
    )
    assert status == 2
    assert "belongs to" in error


@pytest.mark.parametrize(
    "arguments",
    [
        ("invite", "not a card", "--name", "x"),
        ("revoke", "nobody"),
        ("show", "--mesh", "/nowhere/mesh"),
    ],
)
def test_a_wrong_use_is_one_clear_line(strata, arguments):
    strata("mesh", "init")
    status, _, error = strata("mesh", *arguments)
    assert status == 2
    assert error.startswith("strata: ")
    assert error.count("\n") == 1


def test_without_an_identity_nothing_is_changed(strata, card, tmp_path):
    strata("mesh", "init")
    mesh = tmp_path / "home" / "mesh"
    status, _, error = strata("mesh", "invite", card, "--name", "x", "--home", tmp_path / "none", "--mesh", mesh)
    assert status == 2
    assert "no identity" in error
    assert not (tmp_path / "none" / "identity.json").exists()


def test_a_node_says_what_is_wrong_before_it_starts(strata):
    for wrong in (
        ("--listen", "nowhere"),
        ("--listen", "host:70000"),
        ("--device", "toaster"),
        ("--transport", "pigeons"),
        ("--relay",),
    ):
        status, _, error = strata("mesh", "node", *wrong)
        assert status == 2
        assert wrong[0] in error
    status, _, error = strata("mesh", "node", "--transport", "libp2p", "--listen", "localhost:0")
    assert (status, "--listen wants an IP address for libp2p" in error) == (2, True)
    status, _, error = strata("mesh", "node")
    assert (status, "there is no identity" in error) == (2, True)


@pytest.mark.parametrize(
    ("text", "multiaddr"),
    [
        ("127.0.0.1:0", "/ip4/127.0.0.1/tcp/0"),
        ("[::1]:4001", "/ip6/::1/tcp/4001"),
        ("/ip4/127.0.0.1/tcp/0/ws", "/ip4/127.0.0.1/tcp/0/ws"),
    ],
)
def test_a_libp2p_host_listens_where_it_is_told(text, multiaddr):
    assert parse_multiaddr(text) == multiaddr


def test_only_a_coordinator_asks_how_members_are(strata, tmp_path):
    strata("mesh", "init", "--role", "node")
    for command in ("status", "sweep"):
        status, _, error = strata("mesh", command)
        assert status == 2
        assert "coordinator is not a coordinator of this mesh" in error


def test_a_mesh_without_nodes_is_swept_in_no_time(strata):
    strata("mesh", "init")
    status, out, _ = strata("mesh", "sweep", "--json")
    assert (status, json.loads(out)["sweeps"][0]["members"]) == (0, 0)
    assert strata("mesh", "sweep")[0] == 0
    status, out, _ = strata("mesh", "status", "--json")
    assert (status, json.loads(out)["members"]) == (0, [])
