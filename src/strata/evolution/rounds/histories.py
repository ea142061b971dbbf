"""What runs elsewhere found of techniques: imported histories, which a search begins with."""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from pydantic import TypeAdapter

from strata.evolution.history import History, gains, read_history
from strata.store import Store, StoreError

HISTORY = "evolution-history"  # a kind of refs
_GAINS = TypeAdapter(dict[str, tuple[float, ...]])


def import_history(store: Store, path: Path) -> History:
    """Keep what the sound records of a file say of techniques, once however often it is imported.

    Searches learn of it before their next generation. Raises BadHistory, and keeps nothing of a file without any.
    """
    history = read_history(path)
    if found := gains(history):
        digest = store.put(json.dumps(found, sort_keys=True).encode())
        store.set_ref(HISTORY, digest, digest)
    return history


def imported_gains(store: Store) -> Mapping[str, tuple[float, ...]]:
    """Of all imported histories, by technique; one that is damaged says nothing."""
    found: dict[str, tuple[float, ...]] = {}
    for ref in store.refs():
        if ref.kind == HISTORY:
            with suppress(StoreError, ValueError):
                for technique, values in _GAINS.validate_json(store.read(ref.digest)).items():
                    found[technique] = (*found.get(technique, ()), *values)
    return found
