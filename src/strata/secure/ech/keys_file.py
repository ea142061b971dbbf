"""The file in which a listener keeps its ECH keys: a restart does not make the configs stale that others hold."""

import json
from collections.abc import Sequence
from pathlib import Path

from strata import files
from strata.secure.ech import hpke
from strata.secure.ech.configs import BadEchConfig, EchConfig, encode_config_list, parse_config_list
from strata.secure.ech.keys import MAX_KEYS, EchKey, EchKeys
from strata.secure.errors import IdentityError
from strata.secure.private_file import read_private

_MAX_BYTES = 1 << 16


def open_ech_keys(path: Path) -> EchKeys:
    """The keys in `path`, which is made with the first one.

    Raises IdentityError when it is no such file, or others can read it.
    """

    def save(keys: Sequence[EchKey]) -> None:
        records = [
            {"config": encode_config_list([key.config]).hex(), "made": key.made, "secret": key.secret.hex()}
            for key in keys
        ]
        files.write(path, json.dumps({"keys": records, "version": 1}, sort_keys=True).encode() + b"\n", mode=0o600)

    try:
        document = json.loads(read_private(path, _MAX_BYTES))
        if document["version"] != 1 or len(document["keys"]) > MAX_KEYS:
            raise IdentityError(f"{path} is of an unknown version")
        keys = [_key(record) for record in document["keys"]]
    except FileNotFoundError:
        keys = []
    except (ValueError, KeyError, TypeError, OSError, BadEchConfig):
        # The cause may quote the file, and the file is a secret.
        raise IdentityError(f"{path} is not a file of ECH keys: move it away, and a new one is made") from None
    return EchKeys(keys, save=save)


def _key(record: dict[str, str | float]) -> EchKey:
    (config,) = parse_config_list(bytes.fromhex(str(record["config"])))
    secret, made = bytes.fromhex(str(record["secret"])), float(record["made"])
    if not isinstance(config, EchConfig) or hpke.KEMS[config.kem_id].public_of(secret) != config.public_key:
        raise ValueError
    return EchKey(config, secret, made)
