"""Which names a piece of code binds, and which import a name in it refers to."""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

from strata.migration.connascence.facts import Binding


@dataclass(slots=True)
class Scope:
    """A module, class or function while it is read.

    name: dotted, from the top of the module. bound: names that it assigns; imports: names that it imports, by index of
    the binding. calls: what it calls on whom, for pairs. made: what a receiver was made by.
    """

    kind: str
    name: str
    parent: "Scope | None" = None
    bound: set[str] = field(default_factory=set)
    shared: set[str] = field(default_factory=set)  # by `global` or `nonlocal`
    imports: dict[str, int] = field(default_factory=dict)
    parameters: frozenset[str] = frozenset()
    statements: int = 0
    returned: set[int] = field(default_factory=set)
    calls: dict[str, list[tuple[int, str, bool]]] = field(default_factory=dict)
    made: dict[str, tuple[int, ast.expr]] = field(default_factory=dict)

    def binding(self, name: str) -> int | None:
        """The import that the name refers to from here; None for any other name (the reference, 4.2.2)."""
        scope: Scope | None = self
        while scope is not None:
            if scope is self or scope.kind != "class":
                if name in scope.imports:
                    return scope.imports[name]
                if name in scope.bound and name not in scope.shared:
                    return None
            scope = scope.parent
        return None

    def inner(self, name: str) -> str:
        """The dotted name of something in this scope."""
        return f"{self.name}.{name}" if self.name else name


def imported_names(tree: ast.Module) -> frozenset[str]:
    """Every name that any import of the file binds, in whatever scope."""
    return frozenset(binding.bound for node in _statements(tree) for binding in bindings_of(node))


def bindings_of(node: ast.Import | ast.ImportFrom) -> Iterator[Binding]:
    """One for each alias."""
    for alias in node.names:
        if isinstance(node, ast.ImportFrom):
            yield Binding(node.level, node.module or "", alias.name, alias.asname or alias.name, node.lineno)
        else:
            yield Binding(None, "", alias.name, alias.asname or alias.name.partition(".")[0], node.lineno)


def _statements(tree: ast.Module) -> Iterator[ast.Import | ast.ImportFrom]:
    open_ones: list[Iterable[ast.AST]] = [tree.body]
    while open_ones:
        for node in open_ones.pop():
            if isinstance(node, ast.Import | ast.ImportFrom):
                yield node
            else:
                for name in ("body", "orelse", "finalbody", "handlers", "cases"):
                    below = getattr(node, name, None)
                    if isinstance(below, list):
                        open_ones.append(below)


def chain_of(node: ast.expr) -> tuple[str, str] | None:
    """The first name and the attributes after it, as in ("a", "b.c"); None for anything else."""
    parts = list[str]()
    while isinstance(node, ast.Attribute):
        parts.append(node.attr)
        node = node.value
    return (node.id, ".".join(reversed(parts))) if isinstance(node, ast.Name) else None
