"""A history file, record by record: what cannot be read costs that record only."""

import json
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from pydantic import BaseModel, ValidationError

from strata.errors import StrataError
from strata.evolution.history.check import Finding, History, Reason, check
from strata.evolution.history.timeline import (
    MOST_CHECKPOINTS,
    MOST_GENERATIONS,
    MOST_MODELS,
    Checkpoint,
    Generation,
    Timeline,
    TopModel,
)

MOST_BYTES = 64 << 20
_Kind = TypeVar("_Kind", bound=BaseModel)


class BadHistory(StrataError):
    """A file that is no history at all; records of one that are wrong are findings."""


def read_history(path: Path) -> History:
    """Read and check a file. Raises BadHistory: unreadable, too large, or no `evolution_timeline`."""
    try:
        with path.open("rb") as file:
            data = file.read(MOST_BYTES + 1)
    except OSError as error:
        raise BadHistory(f"cannot read {path}: {error.strerror}") from error
    if len(data) > MOST_BYTES:
        raise BadHistory(f"{path} has more than {MOST_BYTES >> 20} MiB")
    try:
        fields = json.loads(data, parse_constant=_refuse)
    except (ValueError, RecursionError) as error:
        raise BadHistory(f"{path} is not JSON: {error}"[:500]) from error
    if not isinstance(fields, dict) or not isinstance(fields.get("evolution_timeline"), list):
        raise BadHistory(f"{path} has no list evolution_timeline")
    findings: list[Finding] = []
    timeline = _timeline(fields, findings)
    return check(timeline, findings)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is no number")


def _timeline(fields: dict[str, Any], findings: list[Finding]) -> Timeline:
    generations = []
    for index, record in enumerate(_bounded(fields["evolution_timeline"], MOST_GENERATIONS, "generations", findings)):
        generation = _generation(index, record, findings)
        if generation is not None:
            generations.append(generation)
    checkpoints = {}
    given = fields.get("model_checkpoints")
    named = list(given.items()) if isinstance(given, dict) else []
    for name, record in _bounded(named, MOST_CHECKPOINTS, "checkpoints", findings):
        checkpoint = _validated(Checkpoint, record, None, name, findings)
        if checkpoint is not None and 0 < len(name) <= 200:
            checkpoints[name] = checkpoint
    counts = {name: fields.get(name) for name in ("total_generations", "unique_models_tracked")}
    summary = fields.get("performance_summary")
    try:
        return Timeline(
            evolution_timeline=tuple(generations),
            model_checkpoints=checkpoints,
            performance_summary=summary if isinstance(summary, dict) else {},
            **counts,
        )
    except ValidationError as error:
        findings.append(Finding(Reason.MALFORMED, None, None, _first(error)))
        return Timeline(evolution_timeline=tuple(generations), model_checkpoints=checkpoints)


def _generation(index: int, record: object, findings: list[Finding]) -> Generation | None:
    if not isinstance(record, dict) or not isinstance(record.get("top_models"), list):
        findings.append(Finding(Reason.MALFORMED, index, None, "a generation is an object with a list top_models"))
        return None
    models = []
    for entry in _bounded(record["top_models"], MOST_MODELS, "models", findings, index):
        name = str(entry.get("name"))[:200] if isinstance(entry, dict) else None
        model = _validated(TopModel, entry, index, name, findings)
        if model is not None:
            models.append(model)
    return _validated(Generation, record | {"top_models": models}, index, None, findings)


def _validated(
    kind: type[_Kind], record: object, index: int | None, name: str | None, findings: list[Finding]
) -> _Kind | None:
    try:
        return kind.model_validate(record)
    except ValidationError as error:
        outside = all(
            "scores" in problem["loc"] and problem["type"] in ("less_than_equal", "greater_than_equal")
            for problem in error.errors(include_url=False, include_context=False, include_input=False)
        )
        reason = Reason.SCORE_OUT_OF_RANGE if outside else Reason.MALFORMED
        findings.append(Finding(reason, index, name, _first(error)))
        return None


def _first(error: ValidationError) -> str:
    problem = error.errors(include_url=False, include_context=False, include_input=False)[0]
    return f"{'.'.join(map(str, problem['loc']))}: {problem['msg']}"[:300]


def _bounded(records: list[Any], most: int, what: str, findings: list[Finding], index: int | None = None) -> list[Any]:
    if len(records) > most:
        findings.append(
            Finding(Reason.TOO_MANY, index, None, f"only the first {most} of {len(records)} {what} are read")
        )
    return records[:most]
