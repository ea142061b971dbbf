"""Imports, functions and classes: what gives names in a module."""

import ast

from strata.migration.connascence.facts import OWN, Class, Name
from strata.migration.connascence.reader import ANNOTATION, FunctionNode, Reader
from strata.migration.connascence.scopes import Scope, bindings_of, chain_of

_ABSTRACT = {"abstractmethod", "abstractproperty", "abstractclassmethod", "abstractstaticmethod"}


def import_(reader: Reader, node: ast.Import | ast.ImportFrom, scope: Scope, around: int) -> None:
    """Every alias binds a name; at the top of the module others can take it from there."""
    for binding in bindings_of(node):
        if binding.name == "*":
            reader.stars.append(len(reader.bindings))
        elif scope is reader.module:
            reader.names.setdefault(binding.bound, Name("import", len(reader.bindings)))
        scope.imports.setdefault(binding.bound, len(reader.bindings))
        reader.bindings.append(binding)


def function(reader: Reader, node: FunctionNode, scope: Scope, around: int) -> None:
    """Its defaults and annotations belong to the scope around it, its body is a scope of its own."""
    scope.bound.add(node.name)
    if scope is reader.module:
        reader.names[node.name] = Name("function", node.lineno)
    given = node.args
    arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    more = [each for each in (given.vararg, given.kwarg) if each]
    inner = Scope("function", scope.inner(node.name), scope)
    inner.parameters = frozenset(each.arg for each in arguments)
    inner.bound.update(each.arg for each in (*arguments, *more))
    reader.functions.append((inner, node))
    reader.push([*node.decorator_list, *given.defaults, *given.kw_defaults], scope)
    reader.push([*(each.annotation for each in (*arguments, *more)), node.returns], scope, ANNOTATION)
    reader.push(node.body, inner)
    _drop_docstring(node)


def class_(reader: Reader, node: ast.ClassDef, scope: Scope, around: int) -> None:
    """Its body is a scope that functions in it do not see."""
    scope.bound.add(node.name)
    if scope is reader.module:
        reader.names[node.name] = Name("class", node.lineno)
    inner = Scope("class", scope.inner(node.name), scope)
    reader.classes.append((scope, inner, node))
    reader.push([*node.decorator_list, *node.bases, *(each.value for each in node.keywords)], scope)
    reader.push(node.body, inner)
    _drop_docstring(node)


def lambda_(reader: Reader, node: ast.Lambda, scope: Scope, around: int) -> None:
    """A function without statements."""
    given = node.args
    inner = Scope("function", scope.inner("<lambda>"), scope)
    inner.bound.update(each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs))
    inner.bound.update(each.arg for each in (given.vararg, given.kwarg) if each)
    reader.push([*given.defaults, *given.kw_defaults], scope)
    reader.push([node.body], inner)


def shared(reader: Reader, node: ast.Global | ast.Nonlocal, scope: Scope, around: int) -> None:
    """`global` and `nonlocal`: assigning such a name binds nothing here."""
    scope.shared.update(node.names)


def class_of(outer: Scope, inner: Scope, node: ast.ClassDef, imported: frozenset[str]) -> Class:
    """The facts of a class, once all scopes are read."""

    def reference(each: ast.expr) -> tuple[int, str] | None:
        chain = chain_of(each.value if isinstance(each, ast.Subscript) else each)
        if chain is None:
            return None
        binding = outer.binding(chain[0]) if chain[0] in imported else None
        return (OWN, ".".join(filter(None, chain))) if binding is None else (binding, chain[1])

    abstract = tuple(
        each.name
        for each in node.body
        if isinstance(each, FunctionNode)
        for decorator in each.decorator_list
        if (chain := chain_of(decorator)) and (chain[1] or chain[0]).rpartition(".")[2] in _ABSTRACT
    )
    metaclass = next((reference(each.value) for each in node.keywords if each.arg == "metaclass"), None)
    bases = tuple(found for each in node.bases if (found := reference(each)))
    defined = tuple(sorted(inner.bound - set(abstract)))
    return Class(inner.name, node.lineno, bases, metaclass, defined, tuple(dict.fromkeys(abstract)))


def _drop_docstring(node: FunctionNode | ast.ClassDef) -> None:
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())), _, *_]:
            del node.body[0]  # so that equal functions with other words compile alike
