"""What one file's code says that other files may have to agree with; kept between runs as JSON.

Places are lines. A reference is a pair (binding, chain): the import that binds its first name, as an index into
`CodeFacts.bindings`, and the attributes after it, with dots between them ("" for none).
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, NamedTuple

OWN = -1  # instead of a binding: the chain begins with a name of the module itself


class Binding(NamedTuple):
    """One alias of an import: level (None for `import`), module and name as written, and the name that it binds."""

    level: int | None
    module: str
    name: str
    bound: str
    line: int


class Name(NamedTuple):
    """A name at the top of the module: "import", "function", "class", "container" (a mutable one) or "value"."""

    kind: str
    at: int  # index of the binding for an import, else the line


class Function(NamedTuple):
    """A function or method: its dotted name in the module and what callers and copies of it depend on.

    positional: parameters that can be given by position. variadic: it has `*args`.
    returned: length of the tuples that it returns, 0 where it returns anything else.
    statements: how many, nested ones included; body: digest of what they do, whatever its variables are called.
    """

    name: str
    line: int
    positional: tuple[str, ...]
    variadic: bool
    returned: int
    statements: int
    body: str


class Class(NamedTuple):
    """A class: bases and metaclass as references, names that its body gives a value, and those that are abstract."""

    name: str
    line: int
    bases: tuple[tuple[int, str], ...]
    metaclass: tuple[int, str] | None
    defined: tuple[str, ...]
    abstract: tuple[str, ...]


class Use(NamedTuple):
    """A reference that the file makes: the first line, how often, and how often it is called."""

    binding: int
    chain: str
    line: int
    times: int
    calls: int


class TypeSite(NamedTuple):
    """A reference in an "annotation", "isinstance" or "except"."""

    binding: int
    chain: str
    line: int
    how: str


class Call(NamedTuple):
    """A call with 4 or more positional arguments, or whose result is unpacked into 3 or more."""

    binding: int
    chain: str
    line: int
    positional: int
    unpacked: int


class Passed(NamedTuple):
    """A literal that is passed: by keyword, or by position, the first being "0"."""

    binding: int
    chain: str
    line: int
    argument: str
    literal: str


class Compared(NamedTuple):
    """A literal that is compared with a "parameter" of `function`, an "attribute", a "key" of a mapping or a "name".

    binding: that of the first name of an attribute, where an import binds it.
    """

    kind: str
    subject: str
    function: str
    binding: int | None
    literal: str
    line: int


class Constant(NamedTuple):
    """A literal, or a table of them, that a name at the top of the module is given."""

    name: str
    literal: str
    line: int


class Mutated(NamedTuple):
    """A reference that is assigned to or deleted ("set"), or changed in place by "item" or by the method named."""

    binding: int
    chain: str
    line: int
    how: str


class Paired(NamedTuple):
    """Two calls that must come in this order, and nothing makes sure that the second comes at all.

    receiver: as written. maker: the reference that made the receiver, where an import binds it.
    """

    function: str
    receiver: str
    first: str
    second: str
    line: int
    end: int
    maker: tuple[int, str] | None


@dataclass(frozen=True, slots=True)
class CodeFacts:
    """What one file says; empty for one that does not parse.

    stars: indices of `from x import *` at the top. ensured: `with` items, and pairs whose second call is in a
    `finally`. is_shim: the module holds only imports and what goes with them.
    """

    path: str
    digest: str
    bindings: tuple[Binding, ...] = ()
    names: Mapping[str, Name] = field(default_factory=dict)
    stars: tuple[int, ...] = ()
    functions: tuple[Function, ...] = ()
    classes: tuple[Class, ...] = ()
    uses: tuple[Use, ...] = ()
    types: tuple[TypeSite, ...] = ()
    calls: tuple[Call, ...] = ()
    passed: tuple[Passed, ...] = ()
    compared: tuple[Compared, ...] = ()
    constants: tuple[Constant, ...] = ()
    mutated: tuple[Mutated, ...] = ()
    paired: tuple[Paired, ...] = ()
    ensured: int = 0
    is_shim: bool = False

    def to_json(self) -> list[Any]:
        """A row that `from_json` reads."""
        return [getattr(self, each.name) for each in fields(self)]

    @classmethod
    def from_json(cls, row: list[Any]) -> "CodeFacts":
        """The facts of a row that `to_json` made, before or after it was JSON."""
        given = dict(zip((each.name for each in fields(cls)), row, strict=True))
        for name, kind in _ROWS.items():
            given[name] = tuple(kind(*map(_frozen, each)) for each in given[name])
        given["names"] = {name: Name(*each) for name, each in given["names"].items()}
        given["stars"] = tuple(given["stars"])
        return cls(**given)


_ROWS: Mapping[str, Any] = {
    "bindings": Binding,
    "functions": Function,
    "classes": Class,
    "uses": Use,
    "types": TypeSite,
    "calls": Call,
    "passed": Passed,
    "compared": Compared,
    "constants": Constant,
    "mutated": Mutated,
    "paired": Paired,
}


def _frozen(value: Any) -> Any:
    return tuple(map(_frozen, value)) if isinstance(value, list) else value
