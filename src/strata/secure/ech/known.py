"""The configs that a dialler has learned of others, and the file that keeps them over its restart.

With them the first hellos of a new process are true ones. They are no secrets, but whoever could put another config
into the file could open the hellos that are sealed under it: so the file is its owner's alone. One that was lost, or is
old, costs a round trip: the listener says what it offers now.
"""

import json
from collections.abc import Mapping
from pathlib import Path

from strata import files
from strata.secure.ech.configs import BadEchConfig, EchConfig, encode_config_list, parse_config_list
from strata.secure.ech.hello import choose
from strata.secure.errors import IdentityError
from strata.secure.private_file import read_private

MAX_KNOWN = 4096
_MAX_BYTES = 16 << 20
_MAX_NAME = 128  # of a peer id


class KnownConfigs:
    """Configs by peer id. Beyond `MAX_KNOWN` the one that was learned first is forgotten.

    path: where `save` keeps them; None: nowhere. Raises IdentityError when that is no such file, or others can read it.
    """

    def __init__(self, path: Path | None = None) -> None:
        self._path = path
        self._configs = {} if path is None else dict(_read(path))
        self.changed = False

    def get(self, peer_id: str) -> EchConfig | None:
        """What is known of this peer."""
        return self._configs.get(peer_id)

    def put(self, peer_id: str, config: EchConfig) -> None:
        """It offers this one now."""
        if self._configs.get(peer_id) != config:
            self._configs.pop(peer_id, None)
            self._configs[peer_id] = config
            self.changed = True
            if len(self._configs) > MAX_KNOWN:
                del self._configs[next(iter(self._configs))]

    def forget(self, peer_id: str) -> None:
        """Nothing is known of it any more."""
        if self._configs.pop(peer_id, None) is not None:
            self.changed = True

    def save(self) -> None:
        """Write down what has changed; all of it or nothing. May run in a thread beside the other methods."""
        if self._path is None or not self.changed:
            return
        self.changed = False
        configs = {peer_id: encode_config_list([config]).hex() for peer_id, config in dict(self._configs).items()}
        files.write(self._path, json.dumps({"configs": configs, "version": 1}).encode() + b"\n", mode=0o600)


def _read(path: Path) -> Mapping[str, EchConfig]:
    try:
        document = json.loads(read_private(path, _MAX_BYTES))
        if document["version"] != 1 or len(document["configs"]) > MAX_KNOWN:
            raise IdentityError(f"{path} is of an unknown version")
        return {_name(peer_id): _config(text) for peer_id, text in document["configs"].items()}
    except FileNotFoundError:
        return {}
    except (ValueError, KeyError, TypeError, AttributeError, OSError, BadEchConfig):
        raise IdentityError(
            f"{path} is not a file of known ECH configs: remove it, and they are learned anew"
        ) from None


def _name(peer_id: str) -> str:
    if not 0 < len(peer_id) <= _MAX_NAME:
        raise ValueError
    return peer_id


def _config(text: str) -> EchConfig:
    config = choose(parse_config_list(bytes.fromhex(text)))
    if config is None:
        raise ValueError
    return config
