"""Small models in a store, and a merge of them that needs no mergekit."""

import hashlib
import json
from collections.abc import Iterable
from datetime import UTC, datetime

from strata.errors import StrataError
from strata.evolution.lineage import Child, verify_model
from strata.evolution.models import open_model
from strata.evolution.recipes import MODEL_PREFIX, Recipe
from strata.store import Lineage, ModelRecord, Store


def put_files(store: Store, weights: bytes) -> str:
    """A model of these weights; returns its digest."""
    files = {"config.json": store.put(b"{}"), "model.safetensors": store.put(weights)}
    return store.put(json.dumps({"files": files}, sort_keys=True).encode())


def enter(lineage: Lineage, *models: str) -> None:
    """Have the lineage know the models as children, so that their files may go."""
    for model in models:
        lineage.add(ModelRecord(model, f"child-{model[:4]}", 1, "e" * 64, 1, "", [], datetime.now(UTC)))


def recipe_of(parents: Iterable[str], seed: int = 1, method: str = "linear") -> Recipe:
    """A recipe of these parents with equal weights."""
    models = [{"model": MODEL_PREFIX + parent, "parameters": {"weight": 0.5}} for parent in parents]
    return Recipe({"merge_method": method, "models": models, "dtype": "float32"}, seed)


def spoil(store: Store, model: str, *, remove: bool = False) -> None:
    """Damage the weights of a model."""
    path = store.layout.blob(open_model(store, model).files["model.safetensors"])
    if remove:
        path.unlink()
        return
    path.write_bytes(b"rotten" + path.read_bytes()[6:])


class FakeMerge:
    """The weights of a child are a digest of its recipe and of its parents' weights; `calls` are the recipes done."""

    def __init__(self, store: Store, version: str = "1") -> None:
        self.calls: list[Recipe] = []
        self._store, self._version = store, version

    def __call__(self, recipe: Recipe) -> Child:
        if recipe.method == "impossible":
            raise StrataError("no such method")
        self.calls.append(recipe)
        content = hashlib.sha512(recipe.to_json().encode() + self._version.encode())
        for parent in recipe.models:
            content.update(self._store.read(verify_model(self._store, parent).files["model.safetensors"]))
        return Child(put_files(self._store, content.digest()), f"version {self._version}")
