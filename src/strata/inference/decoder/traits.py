"""The traits of an architecture: from the table that ships with Strata, else found out on the spot.

The table was made by `tests/benchmarks/architectures.py` for one version of transformers and is used for that version
only. A node looks its traits up here; whoever is about to send weights calls `check_splittable`, which tries them on a
tiny model with the very config in question, so an unusual config is refused before anything is sent.
"""

import json
from dataclasses import asdict
from functools import cache, lru_cache
from importlib.resources import files

import transformers
from transformers import PreTrainedConfig

from strata.inference.decoder.examine import examine
from strata.inference.decoder.split import Traits, parse_config

TABLE = "traits.json"


def traits_of(config: PreTrainedConfig) -> Traits:
    """How to cut models of this config; raises Unsplittable."""
    known = _table().get(config.model_type)
    if known is not None:
        return known
    return examine(config)


@lru_cache(maxsize=16)  # asked again whenever layers move, while a reader waits
def check_splittable(config_json: bytes, weights: str | None = None) -> None:
    """Raise Unsplittable, before anything is sent, where stages would not give exactly what the whole model gives.

    weights: "int8" where the matrices are to be held so: then also where that would not be the whole model with its
    matrices rounded to int8. Takes about a second: a tiny model with this config is generated from, whole and in
    stages.
    """
    config = parse_config(config_json)
    examine(config, _table().get(config.model_type), weights=weights)


def write_table(traits: dict[str, Traits]) -> str:
    """The text of the table for the transformers that is installed."""
    entries = {name: asdict(each) for name, each in sorted(traits.items())}
    return json.dumps({"transformers": transformers.__version__, "traits": entries}, indent=1) + "\n"


@cache
def _table() -> dict[str, Traits]:
    path = files("strata.inference.decoder") / TABLE
    if not path.is_file():
        return {}
    table = json.loads(path.read_text())
    if table["transformers"] != transformers.__version__:
        return {}
    return {name: _traits(**fields) for name, fields in table["traits"].items()}


def _traits(**fields: list[str | None] | str | bool | None) -> Traits:
    lists = {name: tuple(value) if isinstance(value, list) else value for name, value in fields.items()}
    return Traits(**lists)  # type: ignore[arg-type]
