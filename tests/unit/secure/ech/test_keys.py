"""A listener's keys: how they change, and the file that keeps them."""

import json

import pytest

from strata.secure import (
    MLKEM768_X25519,
    X25519,
    EchKey,
    EchKeys,
    IdentityError,
    choose,
    open_ech_keys,
    parse_config_list,
)
from strata.secure.ech.keys import LIFETIME_SECONDS, MAX_KEYS
from tests.support.hellos import Clock, config_of


@pytest.mark.parametrize("kem_id", [X25519, MLKEM768_X25519])
def test_a_new_key_offers_a_config_that_can_be_used(kem_id):
    keys = EchKeys(kem_id=kem_id)
    config = config_of(keys)
    assert (config.kem_id, config.unusable) == (kem_id, None)
    assert keys.opening(config.config_id, kem_id).config == config
    assert config_of(keys) == config  # and stays


def test_a_key_is_offered_for_its_life_and_honoured_for_as_long_again():
    clock = Clock()
    keys = EchKeys(clock=clock)
    first = keys.current[0]
    clock.now += LIFETIME_SECONDS - 1
    assert keys.current == [first]
    clock.now += 1
    second = keys.current[0]
    assert keys.current == [second, first]
    assert keys.opening(first.config.config_id, MLKEM768_X25519) is first
    clock.now += LIFETIME_SECONDS - 1
    assert keys.current == [second, first]
    clock.now += 1
    assert keys.current[1:] == [second]
    clock.now += 10 * LIFETIME_SECONDS
    assert len(keys.current) == 1


def test_a_hello_that_names_no_key_is_tried_with_the_newest_of_its_kem():
    keys = EchKeys()
    newest = keys.rotate()[0]
    other = (newest.config.config_id + 1) % 256
    assert keys.opening(other, MLKEM768_X25519) is newest
    assert keys.opening(newest.config.config_id, X25519) is None


def test_keys_from_a_clock_that_was_ahead_do_not_stay_for_ever():
    clock = Clock()
    future = EchKey.generate(clock.now + 3 * LIFETIME_SECONDS)
    assert future not in EchKeys([future], clock=clock).current


def test_the_number_of_keys_is_bounded_and_no_two_have_one_id():
    keys = EchKeys(kem_id=X25519)
    for _ in range(3 * MAX_KEYS):
        keys.rotate()
    assert len({key.config.config_id for key in keys.current}) == len(keys.current) == MAX_KEYS


def test_a_repr_does_not_show_the_secret():
    key = EchKey.generate(0.0, X25519)
    assert key.secret.hex() not in repr(key)
    assert str(key.secret) not in repr(key)


def test_a_restart_goes_on_with_the_same_keys(tmp_path):
    path = tmp_path / "home" / "ech.json"
    first = open_ech_keys(path)
    first.rotate()
    first.rotate()
    again = open_ech_keys(path)
    assert list(again.current) == list(first.current)
    assert path.stat().st_mode & 0o777 == 0o600
    assert choose(parse_config_list(again.config_list())) == first.current[0].config


def test_a_file_that_others_can_read_is_refused(tmp_path):
    open_ech_keys(tmp_path / "ech.json").rotate()
    (tmp_path / "ech.json").chmod(0o640)
    with pytest.raises(IdentityError, match="chmod 600"):
        open_ech_keys(tmp_path / "ech.json")


def damaged(change):
    """A document of two keys, changed."""
    keys = EchKeys(kem_id=X25519)
    keys.rotate()
    records = [
        {"config": EchKeys([key], kem_id=X25519).config_list().hex(), "made": key.made, "secret": key.secret.hex()}
        for key in keys.rotate()
    ]
    document = {"version": 1, "keys": records}
    change(document)
    return json.dumps(document).encode()


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        damaged(lambda document: document.update(version=2)),
        damaged(lambda document: document.update(keys=document["keys"] * 5)),
        damaged(lambda document: document["keys"][0].pop("made")),
        damaged(lambda document: document["keys"][0].update(made="never")),
        damaged(lambda document: document["keys"][0].update(config="00")),
        damaged(lambda document: document["keys"][0].update(config="0004aaaa0000")),
        damaged(lambda document: document["keys"][0].update(secret=document["keys"][1]["secret"])),
        damaged(lambda document: document["keys"][0].update(secret="00")),
    ],
)
def test_a_file_that_is_none_is_refused_and_not_quoted(tmp_path, data):
    path = tmp_path / "ech.json"
    path.touch(0o600)
    path.write_bytes(data)
    with pytest.raises(IdentityError, match=r"ech\.json is") as caught:
        open_ech_keys(path)
    assert caught.value.__cause__ is None
    assert path.read_bytes() == data


def test_a_config_expires_when_the_next_one_is_offered():
    clock = Clock()
    keys = EchKeys(kem_id=X25519, clock=clock)
    first, expires = keys.current[0], keys.expires
    assert expires == clock.now + LIFETIME_SECONDS
    clock.now = expires - 1
    assert keys.current[0] is first
    clock.now = expires
    assert keys.current[0] is not first
    assert keys.expires == expires + LIFETIME_SECONDS
