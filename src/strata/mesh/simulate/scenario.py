"""What is to be simulated, written down before it is run."""

from dataclasses import asdict
from typing import Annotated, Any

import pydantic
from pydantic.dataclasses import dataclass

from strata.errors import StrataError

_CONFIG = pydantic.ConfigDict(extra="forbid")
_Above = Annotated[float, pydantic.Field(gt=0, le=1e6, allow_inf_nan=False)]
_Share = Annotated[float, pydantic.Field(ge=0, le=1, allow_inf_nan=False)]


class BadScenario(StrataError):
    """A description that cannot be: which field, and why."""


@dataclass(frozen=True, config=_CONFIG)
class Spell:
    """A fault that comes and goes: so many hours apart, so many minutes long, both means of exponential times."""

    every_hours: _Above
    minutes: _Above


@dataclass(frozen=True, config=_CONFIG)
class Split:
    """The mesh falls into two parts that cannot reach each other; each node is in the smaller with chance `share`."""

    every_hours: _Above
    minutes: _Above
    share: _Share


@dataclass(frozen=True, config=_CONFIG)
class Slow:
    """A share of the nodes does nothing for a while, again and again: means of exponential times in seconds.

    Only the detailed simulation knows them.
    """

    share: _Share
    stalled_seconds: _Above
    running_seconds: _Above


@dataclass(frozen=True, config=_CONFIG)
class Scenario:
    """hours: simulated. What is None does not happen.

    crash: of each node; it comes back with the links it was told to keep. leave: of each node, with a goodbye; it comes
    back at another address. cut: of each pair of nodes that could have a link. sweep_minutes: from one sweep to the
    next. sweep_seconds: from what a sweep sees until the links it asks for are there.
    """

    hours: _Above
    crash: Spell | None = None
    leave: Spell | None = None
    cut: Spell | None = None
    split: Split | None = None
    slow: Slow | None = None
    sweep_minutes: _Above = 5.0
    sweep_seconds: _Above = 10.0

    @classmethod
    def from_json(cls, text: str | bytes) -> "Scenario":
        """Read one; raises BadScenario."""
        try:
            return _ADAPTER.validate_json(text)
        except pydantic.ValidationError as error:
            first = error.errors()[0]
            where = ".".join(map(str, first["loc"])) or "the description"
            raise BadScenario(f"{where}: {first['msg']}") from None

    def to_json(self) -> dict[str, Any]:
        """As data for `json`."""
        return asdict(self)


_ADAPTER = pydantic.TypeAdapter(Scenario)
