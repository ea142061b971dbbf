"""What a rule finds: a place where code must agree with other code, and how much that costs."""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import StrEnum

from strata.migration.connascence.code import Code
from strata.migration.graph import package_of


class Kind(StrEnum):
    """The kinds of connascence that a text shows, weakest first; static ones come before dynamic ones.

    M. Page-Jones (1992), "Comparing techniques by means of encapsulation and connascence"; the order is J. Weirich's
    (2009), "The grand unified theory of software design". Of his nine, timing is not to be seen in a text.
    """

    NAME = "name"
    TYPE = "type"
    MEANING = "meaning"
    POSITION = "position"
    ALGORITHM = "algorithm"
    EXECUTION = "execution"
    VALUE = "value"
    IDENTITY = "identity"

    @property
    def strength(self) -> int:
        """Its place in the order, from 1: a stronger kind is harder to find and to change."""
        return list(Kind).index(self) + 1


class Locality(StrEnum):
    """How far the code lies apart that must agree; the further, the weaker the kind should be."""

    MODULE = "module"
    PACKAGE = "package"
    ACROSS = "across"


@dataclass(frozen=True, slots=True)
class Place:
    """A line of a file."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class Finding:
    """Code that must agree with other code.

    place, other: where, and the code that it must agree with; more: further places, for what is in several files.
    mutual: none of the places depends on the others, which of them is named first is by the order of paths alone.
    degree: how many elements must agree. key: which of its kind in a file it is, whatever lines have moved.
    """

    kind: Kind
    place: Place
    other: Place
    degree: int
    locality: Locality
    message: str
    key: str
    more: tuple[Place, ...] = ()
    mutual: bool = False

    @property
    def weight(self) -> float:
        """Strength x (1 + ln degree): how they are ordered, without the distance."""
        return self.kind.strength * (1 + math.log(max(self.degree, 1)))


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a rule found, and at how many sites of each file it looked."""

    findings: tuple[Finding, ...]
    sites: Mapping[str, int]

    @property
    def eligible(self) -> int:
        """At how many sites it looked in all."""
        return sum(self.sites.values())


@dataclass(frozen=True)
class Example:
    """A small project by path, and the (path, line, degree) of each finding that there must be in it."""

    files: Mapping[str, str]
    found: tuple[tuple[str, int, int], ...] = ()


@dataclass(frozen=True)
class Rule:
    """One kind: how it is looked for, and code in which nothing or something must be found."""

    kind: Kind
    look: Callable[[Code], Outcome]
    valid: tuple[Example, ...]
    invalid: tuple[Example, ...]


def locality(code: Code, one: str, other: str) -> Locality:
    """How far two files lie apart."""
    if one == other:
        return Locality.MODULE
    same = _package(code, one) == _package(code, other)
    return Locality.PACKAGE if same else Locality.ACROSS


def _package(code: Code, path: str) -> str:
    return package_of(code.modules[path], is_package=path.endswith("__init__.py"))
