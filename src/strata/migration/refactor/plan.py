"""A plan of moves: data that a person reads, edits and keeps, as JSON (RFC 8259)."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any, Literal

from strata.errors import StrataError
from strata.migration.coupling import CrossPackage
from strata.migration.refactor.moving import Move

VERSION = 1
MOST_BYTES = 16 << 20
MOST_STEPS = 10_000


class BadMoves(StrataError):
    """A file that is no plan, or a plan that does not fit the project."""


@dataclass(frozen=True, slots=True)
class PlannedMove:
    """One step.

    module: its dotted name. source, target: packages ("from" and "to" in JSON). name: its name there, the old one if
    not given. gain: pairs of modules across packages that are gone with it, if the steps before it are made.
    importers: files to rewrite. strings: strings that name it. shim: whether its old name stays importable.
    """

    module: str
    source: str
    target: str
    gain: int = 0
    importers: int = 0
    strings: int = 0
    shim: bool = True
    name: str = ""

    @property
    def move(self) -> Move:
        """What is to be done."""
        return Move(self.module, f"{self.target}.{self.name or self.module.rpartition('.')[2]}", self.shim)


@dataclass(frozen=True, slots=True)
class Advice:
    """What is proposed and left to a person. kind: an import that closes a cycle, or code that is there twice."""

    kind: Literal["cycle", "clone"]
    places: tuple[str, ...]
    evidence: str


@dataclass(frozen=True)
class MovePlan:
    """Moves in the order in which they are made.

    tree: the project's folder. roots: as they were given. files: SHA-256 of every file that a step touches, by path.
    before, after: the coupling that the steps lower. fixed: how many modules may not be moved, by reason.
    """

    tree: str
    steps: tuple[PlannedMove, ...]
    files: Mapping[str, str]
    before: CrossPackage
    after: CrossPackage
    roots: tuple[str, ...] = ()
    fixed: Mapping[str, int] = field(default_factory=dict)
    advice: tuple[Advice, ...] = ()

    @property
    def shims(self) -> int:
        """Compatibility shims that the steps leave; each is a pair across packages, and none is a gain."""
        return sum(step.shim for step in self.steps)

    @property
    def reached(self) -> float:
        """Share of the pairs across packages that the plan takes away."""
        return 1 - self.after.pairs / self.before.pairs if self.before.pairs else 0.0

    @property
    def reached_net(self) -> float:
        """The same with each shim counted as a pair."""
        return 1 - (self.after.pairs + self.shims) / self.before.pairs if self.before.pairs else 0.0

    def to_json(self) -> dict[str, Any]:
        """A JSON object that `from_json` reads."""
        steps = [{_JSON.get(name, name): value for name, value in asdict(step).items()} for step in self.steps]
        shares = {"reached": self.reached, "reached_net": self.reached_net, "shims": self.shims}
        return {"version": VERSION, **asdict(self), "steps": steps, **shares}

    @classmethod
    def from_json(cls, data: bytes) -> "MovePlan":
        """Read a plan; raises BadMoves with the place of whatever is not as it must be."""
        if len(data) > MOST_BYTES:
            raise BadMoves(f"the plan is larger than {MOST_BYTES >> 20} MiB")
        try:
            found = json.loads(data)
        except (ValueError, RecursionError) as error:
            raise BadMoves(f"the plan is no JSON: {error}") from error
        if not isinstance(found, dict) or found.get("version") != VERSION:
            raise BadMoves(
                f"this is no plan of moves of version {VERSION}; make one with `strata imports refactor plan`"
            )
        steps = _list(found, "steps")
        if len(steps) > MOST_STEPS:
            raise BadMoves(f"the plan has more than {MOST_STEPS:,} steps")
        planned = tuple(_step(step, number) for number, step in enumerate(steps, 1))
        _check_apart(planned)
        return cls(
            tree=_typed(found, "tree", str, "the plan"),
            steps=planned,
            files=_mapping(found, "files", str),
            before=_coupling(found, "before"),
            after=_coupling(found, "after"),
            roots=tuple(map(str, _list(found, "roots"))),
            fixed=_mapping(found, "fixed", int),
            advice=tuple(_advice(each) for each in _list(found, "advice")),
        )


_JSON = {"source": "from", "target": "to"}
_FIELDS = {_JSON.get(each.name, each.name): each for each in fields(PlannedMove)}
_NEEDED = {"module", "from", "to"}


def _step(found: Any, number: int) -> PlannedMove:
    where = f"step {number}"
    if not isinstance(found, dict):
        raise BadMoves(f"{where} is no object")
    if unknown := sorted(found.keys() - _FIELDS.keys()):
        raise BadMoves(f"{where} has {unknown[0]!r}, which no step has; there are {', '.join(_FIELDS)}")
    if missing := sorted(_NEEDED - found.keys()):
        raise BadMoves(f"{where} has no {missing[0]!r}")
    types = {"gain": int, "importers": int, "strings": int, "shim": bool}
    values = {_FIELDS[key].name: _typed(found, key, types.get(key, str), where) for key in found}
    step = PlannedMove(**values)
    for dotted in (step.module, step.source, step.target, step.move.new):
        if not all(part.isidentifier() for part in dotted.split(".")):
            raise BadMoves(f"{where}: {dotted!r} is no dotted name")
    if step.module.rpartition(".")[0] != step.source:
        raise BadMoves(f"{where}: {step.module} does not lie in {step.source}")
    if step.module == step.move.new:
        raise BadMoves(f"{where}: {step.module} would stay where it is")
    if step.module.partition(".")[0] != step.target.partition(".")[0]:
        raise BadMoves(f"{where}: {step.target} is in another top-level package than {step.module}")
    return step


def _check_apart(steps: tuple[PlannedMove, ...]) -> None:
    seen: dict[str, int] = {}
    for number, step in enumerate(steps, 1):
        for name in (step.module, step.move.new):
            if name in seen:
                raise BadMoves(f"step {number}: {name} is in step {seen[name]} too")
            seen[name] = number


def _typed(found: Mapping[str, Any], key: str, kind: type, where: str) -> Any:
    value = found.get(key)
    if type(value) is not kind:
        raise BadMoves(f"{where}: {key!r} must be a {_KINDS[kind]}, not {json.dumps(value)[:40]}")
    return value


_KINDS = {str: "string", int: "whole number", bool: "true or false", float: "number"}


def _list(found: Mapping[str, Any], key: str) -> list[Any]:
    value = found.get(key, [])
    if not isinstance(value, list):
        raise BadMoves(f"the plan: {key!r} must be a list")
    return value


def _mapping(found: Mapping[str, Any], key: str, kind: type) -> dict[str, Any]:
    value = found.get(key, {})
    if not isinstance(value, dict) or any(type(each) is not kind for each in value.values()):
        raise BadMoves(f"the plan: {key!r} must be an object with a {_KINDS[kind]} for each name")
    return value


def _coupling(found: Mapping[str, Any], key: str) -> CrossPackage:
    value = found.get(key)
    names = [each.name for each in fields(CrossPackage)]
    if not isinstance(value, dict) or set(value) != set(names):
        raise BadMoves(f"the plan: {key!r} must be an object with {', '.join(names)}")
    if any(type(each) not in {int, float} for each in value.values()):
        raise BadMoves(f"the plan: {key!r} must have numbers only")
    return CrossPackage(**value)


def _advice(found: Any) -> Advice:
    if not isinstance(found, dict) or found.get("kind") not in {"cycle", "clone"}:
        raise BadMoves("the plan: each of 'advice' must be an object of kind cycle or clone")
    return Advice(found["kind"], tuple(map(str, _list(found, "places"))), _typed(found, "evidence", str, "an advice"))
