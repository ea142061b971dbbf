"""Feedback arc sets that were found before: a cycle whose imports have not changed is not searched again."""

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path

from strata import files
from strata.migration.graph.arcs import Arc, cost_of
from strata.migration.graph.feedback import FeedbackArcs, feedback_arcs

_VERSION = 1  # of the file; another one is not read


class KeptArcs:
    """`feedback_arcs` with a memory in a file, of which only what was asked for is kept; without a file it has none."""

    def __init__(self, file: Path | None) -> None:
        self._file = file
        self._known = _read(file)
        self._asked: dict[str, FeedbackArcs] = {}

    def find(self, costs: Mapping[Arc, int], seconds: float) -> FeedbackArcs:
        """As `feedback_arcs`."""
        key = hashlib.sha256(json.dumps(sorted(costs.items())).encode()).hexdigest()
        found = self._known.get(key)
        if found is None or not set(found.arcs) <= costs.keys() or found.cost != cost_of(costs, found.arcs):
            found = feedback_arcs(costs, seconds)
        self._asked[key] = found
        return found

    def save(self) -> None:
        """Write what was asked for, if that is not what the file has."""
        if self._file is not None and self._asked != self._known:
            rows = {key: [found.arcs, found.cost, found.bound] for key, found in self._asked.items()}
            files.write(self._file, json.dumps({"version": _VERSION, "found": rows}).encode())


def _read(file: Path | None) -> dict[str, FeedbackArcs]:
    if file is None:
        return {}
    try:
        document = json.loads(file.read_bytes())
        if document["version"] != _VERSION:
            return {}
        return {
            key: FeedbackArcs(tuple((start, end) for start, end in arcs), int(cost), int(bound))
            for key, (arcs, cost, bound) in document["found"].items()
        }
    except (OSError, ValueError, LookupError, TypeError, AttributeError, RecursionError):
        return {}  # of another version, or not whole
