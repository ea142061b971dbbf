"""What is collected while a syntax tree is read, names not yet looked up."""

import ast
from collections.abc import Sequence
from typing import NamedTuple

from strata.migration.connascence import comparing
from strata.migration.connascence.facts import Binding, Constant, Name
from strata.migration.connascence.scopes import Scope

# What an expression stands in.
ANNOTATION, ISINSTANCE, EXCEPT, FINALLY = 1, 2, 4, 8
_HOW = {ANNOTATION: "annotation", ISINSTANCE: "isinstance", EXCEPT: "except"}
_DULL = {ast.Load, ast.Store, ast.Del}
FunctionNode = ast.FunctionDef | ast.AsyncFunctionDef


class Load(NamedTuple):
    """A name, and attributes of it, that is read; how: in what it stands, if that says a type."""

    scope: Scope
    root: str
    chain: str
    line: int
    how: str
    called: bool


class Called(NamedTuple):
    """A call whose callee begins with an imported name."""

    scope: Scope
    root: str
    chain: str
    line: int
    positional: int
    unpacked: int
    passed: tuple[tuple[str, str], ...]


class Write(NamedTuple):
    """Something reached through an imported name that is changed."""

    scope: Scope
    root: str
    chain: str
    line: int
    how: str


class Reader:
    """Nodes that are still to be read, each with its scope and what it stands in, and what was found so far.

    imported: every name that any import of the file binds; references that begin with others are left out.
    """

    def __init__(self, imported: frozenset[str]) -> None:
        self.module = Scope("module", "")
        self.imported = imported
        self.bindings = list[Binding]()
        self.stars = list[int]()
        self.names = dict[str, Name]()
        self.functions = list[tuple[Scope, FunctionNode]]()
        self.classes = list[tuple[Scope, Scope, ast.ClassDef]]()
        self.constants = list[Constant]()
        self.loads = list[Load]()
        self.calls = list[Called]()
        self.compared = list[comparing.Found]()
        self.writes = list[Write]()
        self.ensured = 0
        self.stack = list[tuple[ast.AST, Scope, int]]()

    def push(self, nodes: Sequence[ast.AST | None], scope: Scope, around: int = 0) -> None:
        """Have these nodes read next."""
        # Backwards, so that statements are seen in the order of the text: of two imports of a name the first counts.
        self.stack += [(node, scope, around) for node in reversed(nodes) if node is not None]

    def below(self, node: ast.AST, scope: Scope, around: int) -> None:
        """Have everything in a node read next."""
        for name in reversed(node._fields):
            value = getattr(node, name, None)
            if value.__class__ is list:
                self.stack += [(each, scope, around) for each in reversed(value) if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST) and value.__class__ not in _DULL:
                self.stack.append((value, scope, around))

    def load(self, chain: tuple[str, str], scope: Scope, line: int, around: int = 0, *, called: bool = False) -> None:
        """A name that an import binds is read."""
        how = _HOW.get(around & (ANNOTATION | ISINSTANCE | EXCEPT), "")
        self.loads.append(Load(scope, *chain, line, how, called))
