"""What a function does, whatever its variables, its arguments and the function itself are called.

The compiler's output is compared, since it already counts local variables instead of naming them. Nothing is run.
"""

import ast
import hashlib
import inspect
from collections.abc import Iterator
from types import CodeType

from strata.migration.connascence.literals import spelled

_KINDS = inspect.CO_GENERATOR | inspect.CO_COROUTINE | inspect.CO_ASYNC_GENERATOR | inspect.CO_VARARGS


def digests(tree: ast.Module) -> dict[tuple[int, str], str]:
    """The digest of each function by its first line (a decorator's, if it has one) and its name.

    Docstrings count, so the tree should be without. Empty where the compiler does not take the tree.
    """
    try:
        code = compile(tree, "<unknown>", "exec", dont_inherit=True)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return {}
    return {(each.co_firstlineno, each.co_name): _digest(each) for each in _inside(code)}


def _inside(code: CodeType) -> Iterator[CodeType]:
    open_ones = [code]
    while open_ones:
        nested = [each for each in open_ones.pop().co_consts if isinstance(each, CodeType)]
        yield from nested
        open_ones += nested


def _digest(code: CodeType) -> str:
    return hashlib.sha256(repr(_shape(code)).encode(errors="replace")).hexdigest()[:16]


def _shape(value: object) -> object:
    """A value whose `repr` is the same in every process."""
    match value:
        case CodeType():
            kinds = value.co_flags & _KINDS
            counts = (value.co_argcount, value.co_kwonlyargcount, kinds)
            return counts, value.co_code, value.co_exceptiontable, value.co_names, [*map(_shape, value.co_consts)]
        case frozenset():
            return "frozenset", sorted(map(spelled, value))
        case tuple():
            return tuple(map(_shape, value))
        case int() if not isinstance(value, bool):
            return spelled(value)
    return value
