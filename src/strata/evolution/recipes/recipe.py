"""A recipe: a mergekit configuration whose models are named by their digests, and a seed.

Carried out by the same version of mergekit it gives the same bytes, so a recipe's digest stands for what comes out.
"""

import hashlib
import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from strata.errors import StrataError

MODEL_PREFIX = "model:"  # before a digest where mergekit's configuration has a path
_MODEL = re.compile(r"model:([0-9a-f]{64})")


class BadRecipe(StrataError):
    """A recipe that names no models, or no merge method."""


@dataclass(frozen=True)
class Recipe:
    """`configuration`: mergekit's, as JSON, in which `model:<digest>` stands for the path of a model."""

    configuration: Mapping[str, Any]
    seed: int

    def __post_init__(self) -> None:
        if not isinstance(self.configuration.get("merge_method"), str) or not self.models:
            raise BadRecipe("a recipe has a merge_method, and models named as model:<digest>")

    @property
    def method(self) -> str:
        """mergekit's name of the merge method."""
        return str(self.configuration["merge_method"])

    @property
    def models(self) -> tuple[str, ...]:
        """Digests of all models that it uses, the base model included, sorted."""
        return models_in(self.configuration)

    @property
    def base(self) -> str | None:
        """Digest of the base model, if there is one."""
        found = _MODEL.fullmatch(str(self.configuration.get("base_model")))
        return found and found.group(1)

    @property
    def digest(self) -> str:
        """SHA-256 of `to_json`."""
        return hashlib.sha256(self.to_json().encode()).hexdigest()

    def to_json(self) -> str:
        """The recipe in its one canonical form."""
        fields = {"configuration": self.configuration, "seed": self.seed}
        return json.dumps(fields, sort_keys=True, separators=(",", ":"), allow_nan=False)

    @classmethod
    def from_json(cls, text: str | bytes) -> "Recipe":
        """Inverse of `to_json`; raises BadRecipe."""
        try:
            fields = json.loads(text)
            configuration, seed = fields["configuration"], fields["seed"]
        except (ValueError, KeyError, TypeError, RecursionError) as error:
            raise BadRecipe("not a recipe") from error
        if not isinstance(configuration, dict) or not isinstance(seed, int):
            raise BadRecipe("not a recipe")
        return cls(configuration, seed)

    def with_paths(self, path: Callable[[str], str]) -> dict[str, Any]:
        """mergekit's configuration, with `path(digest)` in the place of every model."""
        return with_paths(self.configuration, path)


def models_in(configuration: Mapping[str, Any]) -> tuple[str, ...]:
    """Digests of all models that a configuration names as `model:<digest>`, sorted."""
    return tuple(sorted(set(_MODEL.findall(json.dumps(configuration)))))


def with_paths(configuration: Mapping[str, Any], path: Callable[[str], str]) -> dict[str, Any]:
    """The configuration, with `path(digest)` in the place of every `model:<digest>`."""
    replaced: dict[str, Any] = _map_texts(configuration, lambda text: _MODEL.sub(lambda m: path(m[1]), text))
    return replaced


def _map_texts(value: Any, change: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return change(value)
    if isinstance(value, Mapping):
        return {key: _map_texts(inner, change) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_map_texts(inner, change) for inner in value]
    return value
