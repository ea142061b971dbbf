"""Peer ids, cards and key files."""

import stat

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.asymmetric.x25519 import X25519PrivateKey
from hypothesis import given
from hypothesis import strategies as st

from strata.secure import Identity, IdentityError, PeerCard, peer_id_of
from strata.secure.identity import public_key_of, verify


def test_published_peer_id():
    # https://github.com/libp2p/specs/blob/master/tls/tls.md, test vector 1: the key in the certificate and its peer id.
    key = bytes.fromhex("a77f1d92fedb59dddaea5a1c4abd1ac2fbde7d7b879ed364501809923d7c11b9")
    assert peer_id_of(key) == "12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv"
    assert public_key_of("12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv") == key


def test_published_key_pair():
    # https://github.com/libp2p/specs/blob/master/peer-ids/peer-ids.md, "Test vectors", without the protobuf prefix.
    seed = bytes.fromhex("7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d")
    public = bytes.fromhex("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e")
    identity = Identity(Ed25519PrivateKey.from_private_bytes(seed), X25519PrivateKey.generate())
    assert public_key_of(identity.peer_id) == public
    assert identity.peer_id.startswith("12D3KooW")


@pytest.mark.parametrize(
    "text",
    [
        "",
        "QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N",  # an RSA peer id
        "12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ks",
        "12D3KooWM6CgA9iBFZmcYAHA6A2qvbAxqfkmrYiRQuz3XEsk4Ksv\n",
        "12D3KooW" + "z" * 44,
        "12D3KooW" + "0" * 44,
    ],
)
def test_what_is_no_ed25519_peer_id_is_refused(text):
    with pytest.raises(IdentityError):
        public_key_of(text)


def test_a_card_survives_its_text():
    card = Identity.generate().card
    assert PeerCard.from_text(f"  {card.to_text()}\n") == card


@given(position=st.integers(0, 10_000), character=st.sampled_from("ABCabc019-_:."))
def test_a_changed_card_is_refused(position, character):
    text = CARD.to_text()
    position %= len(text)
    if text[position] != character:
        with pytest.raises(IdentityError):
            PeerCard.from_text(text[:position] + character + text[position + 1 :])


CARD = Identity.generate().card


@given(st.text(max_size=300))
def test_text_that_is_no_card_is_refused(text):
    with pytest.raises(IdentityError):
        PeerCard.from_text(text)


def test_a_card_binds_one_channel_key_to_one_peer():
    one, other = Identity.generate(), Identity.generate()
    with pytest.raises(IdentityError, match="not signed"):
        PeerCard(one.peer_id, other.static_key, one.card.signature)
    with pytest.raises(IdentityError, match="not signed"):
        PeerCard(other.peer_id, one.static_key, one.card.signature)
    # A signature over the bare key, without the label, is no card.
    with pytest.raises(IdentityError, match="not signed"):
        PeerCard(one.peer_id, one.static_key, one.sign(one.static_key))


def test_a_saved_identity_is_private_and_comes_back(tmp_path):
    identity, path = Identity.generate(), tmp_path / "keys" / "identity.key"
    identity.save(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    loaded = Identity.load(path)
    assert loaded.card == identity.card
    assert verify(identity.peer_id, loaded.sign(b"message"), b"message")
    assert [entry.name for entry in path.parent.iterdir()] == ["identity.key"]


def test_a_key_is_never_overwritten(tmp_path):
    path = tmp_path / "identity.key"
    first = Identity.generate()
    first.save(path)
    with pytest.raises(IdentityError, match="never overwritten"):
        Identity.generate().save(path)
    assert Identity.load(path).peer_id == first.peer_id
    assert [entry.name for entry in tmp_path.iterdir()] == ["identity.key"]


def test_a_key_that_others_can_read_is_refused(tmp_path):
    path = tmp_path / "identity.key"
    Identity.generate().save(path)
    path.chmod(0o640)
    with pytest.raises(IdentityError, match="chmod 600"):
        Identity.load(path)


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"version": 1, "ed25519": "00", "x25519": "zz"}', b"\xff\xfe"]
)
def test_what_is_no_key_file_is_refused_without_quoting_it(tmp_path, content):
    path = tmp_path / "identity.key"
    path.write_bytes(content)
    path.chmod(0o600)
    with pytest.raises(IdentityError, match="is not an identity file") as caught:
        Identity.load(path)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__


def test_a_missing_key_file_is_named(tmp_path):
    with pytest.raises(IdentityError, match="no identity at"):
        Identity.load(tmp_path / "identity.key")


def test_the_private_keys_do_not_show():
    identity = Identity.generate()
    assert repr(identity) == f"Identity({identity.peer_id})"
