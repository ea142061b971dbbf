"""ECH over HTTP: what is known of whose config, and never a key."""

import json
import time

import pytest

from strata.mesh import ECH_CONFIG
from strata.secure import (
    LIFETIME_SECONDS,
    MLKEM768_X25519,
    X25519,
    EchKey,
    Identity,
    KnownConfigs,
    Membership,
    write_membership,
)

PREFIX = "/v1/security/ech"


@pytest.fixture
def mesh(settings, ledger):
    """Three members: of `a` and `b` configs are known; `a` and `c` told the last sweep of theirs."""
    owner, identities = Identity.generate(), {name: Identity.generate() for name in "abc"}
    membership = Membership.found(owner)
    for name, identity in identities.items():
        membership = membership.with_member(identity.card, name)
    settings.home.mkdir(parents=True, exist_ok=True)
    write_membership(settings.home / "mesh", membership.seal(owner))
    known = KnownConfigs(settings.home / "ech-known.json")
    keys = {name: EchKey.generate(0.0, kem) for name, kem in {"a": MLKEM768_X25519, "b": X25519}.items()}
    for name, key in keys.items():
        known.put(identities[name].peer_id, key.config)
    known.save()
    now = time.time()
    expiring = {"a": {ECH_CONFIG: now + 3600}, "c": {ECH_CONFIG: now - 60, "certificate": now}}
    sweep = {"number": 1, "at": now - 120, "expiring": expiring}
    run = ledger.start_run("mesh", "1")
    ledger.finish_run(run, "completed", {"mesh": membership.mesh_id, "sweeps": [sweep]})
    other = ledger.start_run("mesh", "1")
    ledger.finish_run(other, "completed", {"mesh": "another", "sweeps": [{"number": 9, "at": now, "expiring": {}}]})
    return membership, keys, now


def test_every_member_is_listed_with_what_is_known(client, mesh) -> None:
    membership, _, _ = mesh
    found = client.get(f"{PREFIX}/configs").json()
    assert found["mesh"] == membership.mesh_id
    a, b, c = found["members"]
    assert (a["name"], a["known"]["kem"], a["known"]["post_quantum"]) == ("a", "MLKEM768-X25519", True)
    assert (b["name"], b["known"]["kem"], b["seen"], b["expires"]) == ("b", "X25519", None, None)
    assert (c["name"], c["known"]) == ("c", None)
    assert a["age_seconds"] == pytest.approx(LIFETIME_SECONDS - 3600 - 120)
    assert c["age_seconds"] == pytest.approx(LIFETIME_SECONDS - 60)


def test_one_member_is_found_by_its_name(client, mesh) -> None:
    assert client.get(f"{PREFIX}/configs/b").json()["known"]["post_quantum"] is False
    assert client.get(f"{PREFIX}/configs/nobody").status_code == 404


def test_the_summary_counts_them(client, mesh) -> None:
    found = client.get(f"{PREFIX}/summary").json()
    counted = {name: found[name] for name in ("members", "known", "post_quantum", "seen", "overdue", "required")}
    assert counted == {"members": 3, "known": 2, "post_quantum": 1, "seen": 2, "overdue": 1, "required": False}
    assert found["next_expiry"] is not None


def test_no_key_is_shown(client, mesh) -> None:
    _, keys, _ = mesh
    shown = client.get(f"{PREFIX}/configs").text + client.get(f"{PREFIX}/configs/a").text
    for key in keys.values():
        assert key.secret.hex() not in shown
        assert key.config.public_key.hex()[:16] not in shown
    assert "public_key" not in shown
    assert json.loads(client.get(f"{PREFIX}/configs").text)


def test_a_home_without_a_mesh_has_no_members(client) -> None:
    assert client.get(f"{PREFIX}/configs").json() == {"mesh": None, "members": []}
    assert client.get(f"{PREFIX}/summary").json()["members"] == 0


def test_a_sweep_from_before_this_was_kept_tells_nothing(client, mesh, ledger) -> None:
    run = ledger.start_run("mesh", "1")
    ledger.finish_run(run, "completed", {"mesh": mesh[0].mesh_id, "sweeps": [{"number": 2, "at": time.time()}]})
    assert client.get(f"{PREFIX}/summary").json()["seen"] == 0
