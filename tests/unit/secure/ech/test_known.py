"""What a dialler has learned of others, and the file that keeps it."""

import json

import pytest

from strata.secure import IdentityError, KnownConfigs
from strata.secure.ech import known
from strata.secure.ech.hpke import X25519
from strata.secure.ech.keys import EchKey

ONE, TWO = (EchKey.generate(0.0, X25519, number).config for number in range(2))


def test_what_was_learned_outlives_the_process(tmp_path):
    path = tmp_path / "home" / "known"
    first = KnownConfigs(path)
    first.put("alice", ONE)
    first.put("bob", ONE)
    first.put("bob", TWO)
    first.put("carol", ONE)
    first.forget("carol")
    first.save()
    again = KnownConfigs(path)
    assert (again.get("alice"), again.get("bob"), again.get("carol")) == (ONE, TWO, None)
    assert path.stat().st_mode & 0o777 == 0o600


def test_nothing_is_written_where_nothing_is_new(tmp_path):
    path = tmp_path / "known"
    KnownConfigs(path).save()
    assert not path.exists()
    first = KnownConfigs(path)
    first.put("alice", ONE)
    first.save()
    before = path.stat().st_ino  # each writing is a new file
    first.put("alice", ONE)
    first.forget("bob")
    first.save()
    assert path.stat().st_ino == before
    first.forget("alice")
    first.save()
    assert path.stat().st_ino != before
    nowhere = KnownConfigs()
    nowhere.put("alice", ONE)
    nowhere.save()


def test_the_number_is_bounded_and_who_was_learned_first_goes(monkeypatch):
    monkeypatch.setattr(known, "MAX_KNOWN", 2)
    configs = KnownConfigs()
    for name in ("alice", "bob"):
        configs.put(name, ONE)
    configs.put("alice", TWO)
    configs.put("carol", ONE)
    assert [configs.get(name) for name in ("alice", "bob", "carol")] == [TWO, None, ONE]


def test_a_file_that_others_can_read_is_refused(tmp_path):
    (tmp_path / "known").touch(0o640)
    with pytest.raises(IdentityError, match="chmod 600"):
        KnownConfigs(tmp_path / "known")


GOOD = {"version": 1, "configs": {"alice": "0004aaaa0000"}}


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"\xff",
        b"{}",
        json.dumps(GOOD).encode(),  # a version of configs that nobody knows
        json.dumps(GOOD | {"version": 2}).encode(),
        json.dumps(GOOD | {"configs": ["alice"]}).encode(),
        json.dumps(GOOD | {"configs": {"alice": 1}}).encode(),
        json.dumps(GOOD | {"configs": {"": "00"}}).encode(),
        json.dumps(GOOD | {"configs": {"alice": "00"}}).encode(),
        json.dumps(GOOD | {"configs": {str(number): "00" for number in range(4097)}}).encode(),
    ],
)
def test_a_file_that_is_none_is_refused(tmp_path, data):
    path = tmp_path / "known"
    path.touch(0o600)
    path.write_bytes(data)
    with pytest.raises(IdentityError, match="known is") as caught:
        KnownConfigs(path)
    assert caught.value.__cause__ is None
    assert path.read_bytes() == data
