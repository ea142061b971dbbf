"""One pass over a syntax tree that collects what other files may have to agree with. Nothing is run."""

import ast
from collections.abc import Callable, Mapping
from typing import Any

from strata.migration.connascence import definitions, expressions, statements
from strata.migration.connascence.reader import Reader
from strata.migration.connascence.scopes import Scope, imported_names

# What is done with a node; one of a type that is not named here is only looked into.
_HANDLERS: Mapping[type[ast.AST], Callable[[Reader, Any, Scope, int], None]] = {
    ast.Import: definitions.import_,
    ast.ImportFrom: definitions.import_,
    ast.FunctionDef: definitions.function,
    ast.AsyncFunctionDef: definitions.function,
    ast.ClassDef: definitions.class_,
    ast.Lambda: definitions.lambda_,
    ast.Global: definitions.shared,
    ast.Nonlocal: definitions.shared,
    ast.Assign: statements.assign,
    ast.AnnAssign: statements.annotated,
    ast.AugAssign: statements.augmented,
    ast.Delete: statements.deleted,
    ast.Return: statements.return_,
    ast.Try: statements.try_,
    ast.TryStar: statements.try_,
    ast.ExceptHandler: statements.handler,
    ast.With: statements.with_,
    ast.AsyncWith: statements.with_,
    ast.Match: statements.match,
    ast.Name: expressions.name,
    ast.Attribute: expressions.attribute,
    ast.Call: expressions.call,
    ast.Compare: expressions.compare,
    ast.Constant: expressions.constant,
}


def walk(tree: ast.Module) -> Reader:
    """Read a whole tree, without recursion. Docstrings of functions and classes are taken out of it on the way."""
    reader = Reader(imported_names(tree))
    reader.push(tree.body, reader.module)
    while reader.stack:
        node, scope, around = reader.stack.pop()
        if isinstance(node, ast.stmt):
            scope.statements += 1
        handler = _HANDLERS.get(node.__class__)
        if handler is not None:
            handler(reader, node, scope, around)
        else:
            reader.below(node, scope, around)
    return reader
