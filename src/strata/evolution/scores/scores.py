"""Per-item scores and their file format."""

import json
import math
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from strata.errors import StrataError
from strata.files import write

LONGEST_LINE = 10_000
_FIELDS = {"domain", "item", "score", "cluster"}


class BadScores(StrataError):
    """A file that is no list of per-item scores; says which line, and what is wrong with it."""


@dataclass(frozen=True)
class ItemScore:
    """A score, where higher is better: 0 or 1 for a wrong or right answer, any finite number otherwise.

    Within a domain no two have the same `item`. `cluster` names what the item shares with others (its template);
    None: it stands for itself.
    """

    domain: str
    item: str
    score: float
    cluster: str | None = None


def read_scores(path: Path) -> tuple[ItemScore, ...]:
    """All scores of a JSON Lines file, in its order. Empty lines are passed over. Raises BadScores."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
    except (OSError, UnicodeDecodeError) as error:
        raise BadScores(f"cannot read {path}: {error}") from error
    found: dict[tuple[str, str], ItemScore] = {}
    for number, line in enumerate(lines, start=1):
        if not line.strip():
            continue
        try:
            score = _parse(line)
        except ValueError as error:
            raise BadScores(f"{path}, line {number}: {error}") from error
        if (score.domain, score.item) in found:
            raise BadScores(f"{path}, line {number}: item {score.item!r} of domain {score.domain!r} is there twice")
        found[score.domain, score.item] = score
    if not found:
        raise BadScores(f"{path} holds no scores; expected lines like {_EXAMPLE}")
    return tuple(found.values())


def write_scores(path: Path, scores: Iterable[ItemScore]) -> None:
    """Write them, one a line, in one step."""
    write(path, "".join(json.dumps(_fields(score), ensure_ascii=False) + "\n" for score in scores).encode())


_EXAMPLE = '{"domain": "math", "item": "sum-0017", "score": 1.0}'


def _fields(score: ItemScore) -> dict[str, Any]:
    fields: dict[str, Any] = {"domain": score.domain, "item": score.item, "score": score.score}
    return fields if score.cluster is None else fields | {"cluster": score.cluster}


def _parse(line: str) -> ItemScore:
    if len(line) > LONGEST_LINE:
        raise ValueError(f"longer than {LONGEST_LINE} characters")
    try:
        fields = json.loads(line)
    except RecursionError:
        raise ValueError("nested too deeply") from None
    if not isinstance(fields, dict) or not {"domain", "item", "score"} <= fields.keys() <= _FIELDS:
        raise ValueError(f"expected {_EXAMPLE}, optionally with a cluster")
    score, names = fields["score"], [fields["domain"], fields["item"], fields.get("cluster", "-")]
    if not all(isinstance(name, str) and name for name in names):
        raise ValueError("domain, item and cluster are texts and not empty")
    number = score if isinstance(score, int | float) and not isinstance(score, bool) else math.nan
    if (isinstance(number, int) and number.bit_length() > 1000) or not math.isfinite(number):
        raise ValueError(f"score is a finite number, not {score!r}"[:200])
    return ItemScore(fields["domain"], fields["item"], float(number), fields.get("cluster"))
