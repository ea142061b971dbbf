"""Rules as data: what a case is worth, what is to be done about it, and which case explains which.

Those of the package are in `rules.toml`, which says what each field means; a user's own file is laid over them.
"""

import json
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property
from importlib.resources import files
from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from strata.errors import StrataError
from strata.store import Hold

Severity = Literal["low", "medium", "high"]
SEVERITIES: tuple[Severity, ...] = ("low", "medium", "high")
ANY = "*"
_DAY = 24 * 3600.0
_Rule = TypeVar("_Rule", bound="_Data")


class BadRules(StrataError):
    """A file of rules that cannot be read, or a rule that says what no rule can."""


class _Data(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class Repeats(_Data):
    """From `count` incidents on the case is worth `severity` at least."""

    count: int = Field(ge=2)
    severity: Severity


class Which(_Data):
    """Cases of a pipeline and a kind, each or both of them any."""

    pipeline: str = Field(min_length=1, max_length=128)
    kind: str = Field(min_length=1, max_length=128)

    def fits(self, pipeline: str, kind: str) -> bool:
        """Whether it means such a case."""
        return self.pipeline in (ANY, pipeline) and self.kind in (ANY, kind)


class CaseRule(Which):
    """What holds for cases of a kind; times in seconds."""

    severity: Severity
    abandoned: Severity = "low"
    repeats: Repeats | None = None
    quiet: float = Field(1800.0, ge=0, le=7 * _DAY)
    lapse: float = Field(7 * _DAY, ge=0, le=30 * _DAY)
    apart: tuple[str, ...] = ()
    automatic: str = Field(min_length=1, max_length=1000)
    steps: tuple[str, ...] = Field(min_length=1, max_length=20)


class CauseRule(_Data):
    """A case that `effect` means is explained by one that `cause` means, where both have `same` and their times fit."""

    effect: Which
    cause: Which
    same: str = Field(pattern=r"^(subject|figures\.[a-z_]+)$")
    before: float = Field(ge=0, le=7 * _DAY)
    after: float = Field(ge=0, le=7 * _DAY)
    least: Severity = "low"


@dataclass(frozen=True)
class Rules:
    """All rules. There is one for any kind: the last of the package's, if none is more exact."""

    cases: tuple[CaseRule, ...]
    causes: tuple[CauseRule, ...]

    def of(self, pipeline: str, kind: str) -> CaseRule:
        """The most exact rule for such a case: of the kind before any kind, of the pipeline before any pipeline."""
        names = ((pipeline, kind), (ANY, kind), (pipeline, ANY), (ANY, ANY))
        return next(self._named[name] for name in names if name in self._named)

    def hold(self, pipeline: str, kind: str) -> Hold:
        """How long an incident of this kind is held, for another one to belong to its case."""
        rule = self.of(pipeline, kind)
        return Hold(timedelta(seconds=rule.quiet), timedelta(seconds=rule.lapse))

    @cached_property
    def longest(self) -> Hold:
        """No incident is held for longer."""
        quiet, lapse = max(each.quiet for each in self.cases), max(each.lapse for each in self.cases)
        return Hold(timedelta(seconds=quiet), timedelta(seconds=lapse))

    @cached_property
    def _named(self) -> Mapping[tuple[str, str], CaseRule]:
        return {(each.pipeline, each.kind): each for each in self.cases}


def read_rules(own: Path | None = None) -> Rules:
    """The package's rules, with those of the file `own` in their place and beside them.

    Of a user's causes, those come first. Raises BadRules, which names the rule.
    """
    shipped = files(__package__).joinpath("rules.toml").read_text(encoding="utf-8")
    rules = _parsed(shipped, "rules.toml")
    if own is None:
        return rules
    try:
        mine = _parsed(own.read_text(encoding="utf-8"), str(own))
    except (OSError, UnicodeDecodeError) as error:
        raise BadRules(f"STRATA_TRIAGE_RULES names {own}, which cannot be read: {error}") from error
    replaced = {(each.pipeline, each.kind) for each in mine.cases}
    kept = tuple(each for each in rules.cases if (each.pipeline, each.kind) not in replaced)
    stated = {(each.effect, each.cause) for each in mine.causes}
    left = tuple(each for each in rules.causes if (each.effect, each.cause) not in stated)
    return Rules((*mine.cases, *kept), (*mine.causes, *left))


def _parsed(text: str, where: str) -> Rules:
    try:
        data = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise BadRules(f"{where} is not TOML: {error}") from error
    if unknown := data.keys() - {"case", "cause"}:
        raise BadRules(f"{where}: rules are [[case]] and [[cause]], not {', '.join(sorted(unknown))}")
    cases = tuple(_valid(CaseRule, each, f"{where}: {name}") for name, each in _numbered(data, "case", where))
    causes = tuple(_valid(CauseRule, each, f"{where}: {name}") for name, each in _numbered(data, "cause", where))
    names = [(each.pipeline, each.kind) for each in cases]
    if twice := [name for name in dict.fromkeys(names) if names.count(name) > 1]:
        raise BadRules(f"{where}: two rules for {' and '.join(f'{pipeline}: {kind}' for pipeline, kind in twice)}")
    return Rules(cases, causes)


def _numbered(data: Mapping[str, Any], table: str, where: str) -> Iterable[tuple[str, Any]]:
    """The rules of a table, each with a name for errors: its number, and for whom it is."""
    found = data.get(table, [])
    if not isinstance(found, list) or not all(isinstance(each, dict) for each in found):
        raise BadRules(f"{where}: write each rule under [[{table}]], with both brackets twice")
    for number, each in enumerate(found, 1):
        whose = each if table == "case" else each.get("effect")
        known = [str(whose[key]) for key in ("pipeline", "kind") if key in whose] if isinstance(whose, dict) else []
        yield f"{table} {number}" + (f" ({': '.join(known)})" if known else ""), each


def _valid(form: type[_Rule], data: Any, name: str) -> _Rule:
    try:
        return form.model_validate_json(json.dumps(data, default=str))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise BadRules(f"{name}: {wrong}") from error
