"""Statements: what is assigned, returned, tried and entered."""

import ast

from strata.migration.connascence import comparing, literals, pairing
from strata.migration.connascence.expressions import call
from strata.migration.connascence.facts import Constant, Name
from strata.migration.connascence.reader import ANNOTATION, EXCEPT, FINALLY, Reader, Write
from strata.migration.connascence.scopes import Scope, chain_of

_CONTAINERS = {"dict", "list", "set", "defaultdict", "OrderedDict", "deque", "Counter", "WeakKeyDictionary", "WeakSet"}


def assign(reader: Reader, node: ast.Assign, scope: Scope, around: int) -> None:
    """Each target, and how many names a call's result is unpacked into."""
    for target in node.targets:
        _target(reader, target, node.value, scope)
    last = node.targets[-1]
    if isinstance(node.value, ast.Call):
        several = isinstance(last, ast.Tuple) and not any(isinstance(each, ast.Starred) for each in last.elts)
        call(reader, node.value, scope, around, len(last.elts) if several and isinstance(last, ast.Tuple) else 0)
    else:
        reader.push([node.value], scope)


def annotated(reader: Reader, node: ast.AnnAssign, scope: Scope, around: int) -> None:
    """`x: T = y`, which names a type."""
    _target(reader, node.target, node.value, scope)
    reader.push([node.annotation], scope, ANNOTATION)
    reader.push([node.value], scope)


def augmented(reader: Reader, node: ast.AugAssign, scope: Scope, around: int) -> None:
    """`x += y`, which binds x or changes what it is reached through."""
    if isinstance(node.target, ast.Name):
        scope.bound.add(node.target.id)
    else:
        _written(reader, node.target, scope)
    reader.push([node.value], scope)


def deleted(reader: Reader, node: ast.Delete, scope: Scope, around: int) -> None:
    """`del x.y` and `del x[y]` change what x is."""
    for target in node.targets:
        _written(reader, target, scope)


def return_(reader: Reader, node: ast.Return, scope: Scope, around: int) -> None:
    """How long a tuple is returned."""
    scope.returned.add(len(node.value.elts) if isinstance(node.value, ast.Tuple) else 0)
    reader.push([node.value], scope)


def try_(reader: Reader, node: ast.Try | ast.TryStar, scope: Scope, around: int) -> None:
    """What stands in `finally` is sure to be done."""
    reader.push(node.finalbody, scope, around | FINALLY)
    reader.push([*node.body, *node.handlers, *node.orelse], scope, around)


def handler(reader: Reader, node: ast.ExceptHandler, scope: Scope, around: int) -> None:
    """`except T as x`, which names a type."""
    if node.name:
        scope.bound.add(node.name)
    reader.push([node.type], scope, EXCEPT)
    reader.push(node.body, scope, around)


def with_(reader: Reader, node: ast.With | ast.AsyncWith, scope: Scope, around: int) -> None:
    """What is entered is sure to be left."""
    reader.ensured += len(node.items)
    for item in node.items:
        reader.push([item.context_expr, item.optional_vars], scope)
    reader.push(node.body, scope, around)


def match(reader: Reader, node: ast.Match, scope: Scope, around: int) -> None:
    """Cases compare the subject with literals."""
    reader.compared += comparing.in_match(node, scope)
    reader.below(node, scope, around)


def _target(reader: Reader, target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
    if isinstance(target, ast.Name):
        scope.bound.add(target.id)
        if scope is reader.module:
            _global(reader, target.id, target.lineno, value)
    elif isinstance(target, ast.Tuple | ast.List):
        for each in target.elts:
            _target(reader, each, None, scope)
    elif isinstance(target, ast.Starred):
        _target(reader, target.value, None, scope)
    else:
        _written(reader, target, scope)
    if isinstance(value, ast.Call):
        pairing.made(scope, target, value)


def _global(reader: Reader, name: str, line: int, value: ast.expr | None) -> None:
    is_container = isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)
    if isinstance(value, ast.Call):
        callee = chain_of(value.func)
        is_container = callee is not None and ".".join(callee).rpartition(".")[2] in _CONTAINERS
    if name not in reader.names or reader.names[name].kind == "value":
        reader.names[name] = Name("container" if is_container else "value", line)
    literal = value and (literals.text_of(value) or literals.table_of(value))
    if literal and not name.startswith("__"):
        reader.constants.append(Constant(name, literal, line))


def _written(reader: Reader, target: ast.expr, scope: Scope) -> None:
    how, place = "set", target
    while isinstance(place, ast.Subscript):
        reader.push([place.slice], scope)
        how, place = "item", place.value
    chain = chain_of(place)
    if chain is None:
        reader.push([place.value] if isinstance(place, ast.Attribute) else [place], scope)
    elif chain[0] in reader.imported and (chain[1] or how == "item"):
        reader.writes.append(Write(scope, *chain, target.lineno, how))
