"""One pass over a syntax tree that collects what other files may have to agree with, names not yet looked up."""

import ast
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from strata.migration.connascence import comparing, literals, pairing
from strata.migration.connascence.facts import Binding, Class, Constant, Name
from strata.migration.connascence.scopes import Scope, bindings_of, chain_of

_ABSTRACT = {"abstractmethod", "abstractproperty", "abstractclassmethod", "abstractstaticmethod"}
_CONTAINERS = {"dict", "list", "set", "defaultdict", "OrderedDict", "deque", "Counter", "WeakKeyDictionary", "WeakSet"}
_CHANGES = {"append", "add", "update", "extend", "insert", "remove", "pop", "clear", "setdefault", "discard"}
_CHANGES |= {"popitem", "sort", "reverse", "appendleft"}
# What an expression stands in.
ANNOTATION, ISINSTANCE, EXCEPT, FINALLY = 1, 2, 4, 8
_HOW = {ANNOTATION: "annotation", ISINSTANCE: "isinstance", EXCEPT: "except"}
_TYPE = ANNOTATION | ISINSTANCE | EXCEPT
_Function = ast.FunctionDef | ast.AsyncFunctionDef


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


class Walker:
    """Reads one tree; afterwards its lists hold what was found.

    imported: every name that any import of the file binds; references that begin with others are left out.
    """

    def __init__(self, tree: ast.Module, imported: frozenset[str]) -> None:
        self.module = Scope("module", "")
        self.imported = imported
        self.bindings = list[Binding]()
        self.stars = list[int]()
        self.names = dict[str, Name]()
        self.functions = list[tuple[Scope, _Function]]()
        self.classes = list[tuple[Scope, Scope, ast.ClassDef]]()
        self.constants = list[Constant]()
        self.loads = list[Load]()
        self.calls = list[Called]()
        self.compared = list[comparing.Found]()
        self.writes = list[Write]()
        self.ensured = 0
        self._stack: list[tuple[ast.AST, Scope, int]] = [(node, self.module, 0) for node in tree.body]
        while self._stack:
            node, scope, around = self._stack.pop()
            handler = _HANDLERS.get(node.__class__)
            if handler is not None:
                handler(self, node, scope, around)
            else:
                self._below(node, scope, around)

    def _push(self, nodes: Iterable[ast.AST | None], scope: Scope, around: int = 0) -> None:
        self._stack += [(node, scope, around) for node in nodes if node is not None]

    def _below(self, node: ast.AST, scope: Scope, around: int) -> None:
        if isinstance(node, ast.stmt):
            scope.statements += 1
        for name in node._fields:
            value = getattr(node, name, None)
            if value.__class__ is list:
                self._stack += [(each, scope, around) for each in value if isinstance(each, ast.AST)]
            elif isinstance(value, ast.AST) and value.__class__ not in _DULL:
                self._stack.append((value, scope, around))

    # Definitions.

    def _import(self, node: ast.Import | ast.ImportFrom, scope: Scope, around: int) -> None:
        scope.statements += 1
        for binding in bindings_of(node):
            if binding.name == "*":
                self.stars.append(len(self.bindings))
            elif scope is self.module:
                self.names.setdefault(binding.bound, Name("import", len(self.bindings)))
            scope.imports.setdefault(binding.bound, len(self.bindings))
            self.bindings.append(binding)

    def _function(self, node: _Function, scope: Scope, around: int) -> None:
        scope.statements += 1
        scope.bound.add(node.name)
        if scope is self.module:
            self.names[node.name] = Name("function", node.lineno)
        given = node.args
        arguments = [*given.posonlyargs, *given.args, *given.kwonlyargs]
        more = [each for each in (given.vararg, given.kwarg) if each]
        inner = Scope("function", scope.inner(node.name), scope)
        inner.parameters = frozenset(each.arg for each in arguments)
        inner.bound.update(each.arg for each in (*arguments, *more))
        self.functions.append((inner, node))
        self._push([*node.decorator_list, *given.defaults, *given.kw_defaults], scope)
        self._push([*(each.annotation for each in (*arguments, *more)), node.returns], scope, ANNOTATION)
        self._push(node.body, inner)
        _drop_docstring(node)

    def _class(self, node: ast.ClassDef, scope: Scope, around: int) -> None:
        scope.statements += 1
        scope.bound.add(node.name)
        if scope is self.module:
            self.names[node.name] = Name("class", node.lineno)
        inner = Scope("class", scope.inner(node.name), scope)
        self.classes.append((scope, inner, node))
        self._push([*node.decorator_list, *node.bases, *(each.value for each in node.keywords)], scope)
        self._push(node.body, inner)
        _drop_docstring(node)

    def _lambda(self, node: ast.Lambda, scope: Scope, around: int) -> None:
        given = node.args
        inner = Scope("function", scope.inner("<lambda>"), scope)
        inner.bound.update(each.arg for each in (*given.posonlyargs, *given.args, *given.kwonlyargs))
        inner.bound.update(each.arg for each in (given.vararg, given.kwarg) if each)
        self._push([*given.defaults, *given.kw_defaults], scope)
        self._push([node.body], inner)

    def _shared(self, node: ast.Global | ast.Nonlocal, scope: Scope, around: int) -> None:
        scope.statements += 1
        scope.shared.update(node.names)

    # Statements.

    def _assign(self, node: ast.Assign, scope: Scope, around: int) -> None:
        scope.statements += 1
        for target in node.targets:
            self._target(target, node.value, scope)
        last = node.targets[-1]
        if isinstance(node.value, ast.Call):
            several = isinstance(last, ast.Tuple) and not any(isinstance(each, ast.Starred) for each in last.elts)
            self._call(node.value, scope, around, len(last.elts) if several and isinstance(last, ast.Tuple) else 0)
        else:
            self._push([node.value], scope)

    def _annotated(self, node: ast.AnnAssign, scope: Scope, around: int) -> None:
        scope.statements += 1
        self._target(node.target, node.value, scope)
        self._push([node.annotation], scope, ANNOTATION)
        self._push([node.value], scope)

    def _augmented(self, node: ast.AugAssign, scope: Scope, around: int) -> None:
        scope.statements += 1
        if isinstance(node.target, ast.Name):
            scope.bound.add(node.target.id)
        else:
            self._written(node.target, scope)
        self._push([node.value], scope)

    def _deleted(self, node: ast.Delete, scope: Scope, around: int) -> None:
        scope.statements += 1
        for target in node.targets:
            self._written(target, scope)

    def _target(self, target: ast.expr, value: ast.expr | None, scope: Scope) -> None:
        if isinstance(target, ast.Name):
            scope.bound.add(target.id)
            if scope is self.module:
                self._global(target.id, target.lineno, value)
        elif isinstance(target, ast.Tuple | ast.List):
            for each in target.elts:
                self._target(each, None, scope)
        elif isinstance(target, ast.Starred):
            self._target(target.value, None, scope)
        else:
            self._written(target, scope)
        if isinstance(value, ast.Call):
            pairing.made(scope, target, value)

    def _global(self, name: str, line: int, value: ast.expr | None) -> None:
        is_container = isinstance(value, ast.Dict | ast.List | ast.Set | ast.DictComp | ast.ListComp | ast.SetComp)
        if isinstance(value, ast.Call):
            callee = chain_of(value.func)
            is_container = callee is not None and ".".join(callee).rpartition(".")[2] in _CONTAINERS
        if name not in self.names or self.names[name].kind == "value":
            self.names[name] = Name("container" if is_container else "value", line)
        literal = value and (literals.text_of(value) or literals.table_of(value))
        if literal and not name.startswith("__"):
            self.constants.append(Constant(name, literal, line))

    def _written(self, target: ast.expr, scope: Scope) -> None:
        how, place = "set", target
        while isinstance(place, ast.Subscript):
            self._push([place.slice], scope)
            how, place = "item", place.value
        chain = chain_of(place)
        if chain is None:
            self._push([place.value] if isinstance(place, ast.Attribute) else [place], scope)
        elif chain[0] in self.imported and (chain[1] or how == "item"):
            self.writes.append(Write(scope, *chain, target.lineno, how))

    def _return(self, node: ast.Return, scope: Scope, around: int) -> None:
        scope.statements += 1
        scope.returned.add(len(node.value.elts) if isinstance(node.value, ast.Tuple) else 0)
        self._push([node.value], scope)

    def _try(self, node: ast.Try | ast.TryStar, scope: Scope, around: int) -> None:
        scope.statements += 1
        self._push([*node.body, *node.handlers, *node.orelse], scope, around)
        self._push(node.finalbody, scope, around | FINALLY)

    def _handler(self, node: ast.ExceptHandler, scope: Scope, around: int) -> None:
        if node.name:
            scope.bound.add(node.name)
        self._push([node.type], scope, EXCEPT)
        self._push(node.body, scope, around)

    def _with(self, node: ast.With | ast.AsyncWith, scope: Scope, around: int) -> None:
        scope.statements += 1
        self.ensured += len(node.items)
        for item in node.items:
            self._push([item.context_expr, item.optional_vars], scope)
        self._push(node.body, scope, around)

    def _match(self, node: ast.Match, scope: Scope, around: int) -> None:
        self.compared += comparing.in_match(node, scope)
        self._below(node, scope, around)

    # Expressions.

    def _name(self, node: ast.Name, scope: Scope, around: int) -> None:
        if not isinstance(node.ctx, ast.Load):
            scope.bound.add(node.id)
        elif node.id in self.imported:
            self.loads.append(Load(scope, node.id, "", node.lineno, _HOW.get(around & _TYPE, ""), False))

    def _attribute(self, node: ast.Attribute, scope: Scope, around: int) -> None:
        chain = chain_of(node)
        if chain is None:
            self._push([_base(node)], scope)
        elif chain[0] in self.imported:
            self.loads.append(Load(scope, *chain, node.lineno, _HOW.get(around & _TYPE, ""), False))

    def _call(self, node: ast.Call, scope: Scope, around: int, unpacked: int = 0) -> None:
        chain, args = chain_of(node.func), node.args
        if chain is None:
            self._push([node.func], scope)
        elif chain[0] in self.imported:
            self._imported_call(node, chain, scope, unpacked)
        elif chain in _TYPE_TESTS and len(args) == 2:
            self._push([args[1]], scope, ISINSTANCE)
            args = args[:1]
        if chain is not None and chain[1]:
            pairing.called(scope, chain, node.lineno, in_finally=bool(around & FINALLY))
        # Below an `except` or an annotation a call's arguments are values.
        self._push([*args, *(each.value for each in node.keywords)], scope, around & FINALLY)

    def _imported_call(self, node: ast.Call, chain: tuple[str, str], scope: Scope, unpacked: int) -> None:
        self.loads.append(Load(scope, *chain, node.lineno, "", True))
        before, _, method = chain[1].rpartition(".")
        if method in _CHANGES:
            self.writes.append(Write(scope, chain[0], before, node.lineno, method))
        positional, passed = 0, list[tuple[str, str]]()
        for each in node.args:
            if isinstance(each, ast.Starred):
                break
            literal = literals.text_of(each)
            passed += [(str(positional), literal)] if literal else []
            positional += 1
        for keyword in node.keywords:
            literal = literals.text_of(keyword.value)
            passed += [(keyword.arg, literal)] if literal and keyword.arg else []
        if positional > 3 or unpacked > 2 or passed:
            self.calls.append(Called(scope, *chain, node.lineno, positional, unpacked, tuple(passed)))

    def _compare(self, node: ast.Compare, scope: Scope, around: int) -> None:
        self.compared += comparing.in_compare(node, scope)
        self._push([node.left, *node.comparators], scope)

    def _constant(self, node: ast.Constant, scope: Scope, around: int) -> None:
        if around & ANNOTATION and isinstance(node.value, str) and len(node.value) < 500:
            try:
                inside = ast.parse(node.value, mode="eval").body
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                return
            for each in ast.walk(inside):
                each.__dict__["lineno"] = node.lineno
            self._push([inside], scope, ANNOTATION)


def class_of(outer: Scope, inner: Scope, node: ast.ClassDef, imported: frozenset[str]) -> Class:
    """The facts of a class, once all scopes are read."""

    def reference(each: ast.expr) -> tuple[int, str] | None:
        chain = chain_of(each.value if isinstance(each, ast.Subscript) else each)
        if chain is None:
            return None
        binding = outer.binding(chain[0]) if chain[0] in imported else None
        return (-1, ".".join(filter(None, chain))) if binding is None else (binding, chain[1])

    abstract = tuple(
        each.name
        for each in node.body
        if isinstance(each, _Function)
        for decorator in each.decorator_list
        if (chain := chain_of(decorator)) and (chain[1] or chain[0]).rpartition(".")[2] in _ABSTRACT
    )
    metaclass = next((reference(each.value) for each in node.keywords if each.arg == "metaclass"), None)
    bases = tuple(found for each in node.bases if (found := reference(each)))
    defined = tuple(sorted(inner.bound - set(abstract)))
    return Class(inner.name, node.lineno, bases, metaclass, defined, tuple(dict.fromkeys(abstract)))


def _base(node: ast.Attribute) -> ast.expr:
    value: ast.expr = node
    while isinstance(value, ast.Attribute):
        value = value.value
    return value


def _drop_docstring(node: _Function | ast.ClassDef) -> None:
    match node.body:
        case [ast.Expr(value=ast.Constant(value=str())), _, *_]:
            del node.body[0]  # so that equal functions with other words compile alike


_TYPE_TESTS = {("isinstance", ""), ("issubclass", "")}
_DULL = {ast.Load, ast.Store, ast.Del}
_Handler = Callable[[Walker, Any, Scope, int], None]
_HANDLERS: dict[type[ast.AST], _Handler] = {
    ast.Import: Walker._import,
    ast.ImportFrom: Walker._import,
    ast.FunctionDef: Walker._function,
    ast.AsyncFunctionDef: Walker._function,
    ast.ClassDef: Walker._class,
    ast.Lambda: Walker._lambda,
    ast.Global: Walker._shared,
    ast.Nonlocal: Walker._shared,
    ast.Assign: Walker._assign,
    ast.AnnAssign: Walker._annotated,
    ast.AugAssign: Walker._augmented,
    ast.Delete: Walker._deleted,
    ast.Return: Walker._return,
    ast.Try: Walker._try,
    ast.TryStar: Walker._try,
    ast.ExceptHandler: Walker._handler,
    ast.With: Walker._with,
    ast.AsyncWith: Walker._with,
    ast.Match: Walker._match,
    ast.Name: Walker._name,
    ast.Attribute: Walker._attribute,
    ast.Call: Walker._call,
    ast.Compare: Walker._compare,
    ast.Constant: Walker._constant,
}
