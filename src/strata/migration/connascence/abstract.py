"""Which classes are abstract, as `abc` decides it, read from the source."""

from collections.abc import Iterator

from strata.migration.connascence.code import Code, Symbol
from strata.migration.connascence.facts import Class

_DECLARED = {"abc.ABC", "typing.Protocol", "typing_extensions.Protocol"}
_METACLASSES = {"abc.ABCMeta"}
_MOST_BASES = 200


def is_abstract(code: Code, path: str, found: Class) -> bool:
    """Whether a class says so itself (ABC, ABCMeta, Protocol), or has an abstract method that nothing overrides.

    A method is overridden by whatever comes before it in the order of bases, left to right and depth first. Bases
    from outside the project are taken to have no abstract methods.
    """
    if any(_outside(code, path, base) in _DECLARED for base in found.bases):
        return True
    if found.metaclass is not None and _outside(code, path, found.metaclass) in _METACLASSES:
        return True
    given = set[str]()
    for each in _line(code, path, found):
        if not given.issuperset(each.abstract):
            return True
        given.update(each.defined)
    return False


def _line(code: Code, path: str, found: Class) -> Iterator[Class]:
    """The class and its bases in the project, each once, those of several children after the last of these."""
    order, open_ones = list[tuple[str, str]](), [(path, found)]
    classes = dict[tuple[str, str], Class]()
    for _ in range(_MOST_BASES):
        if not open_ones:
            break
        place, each = open_ones.pop()
        key = place, each.name
        if key in classes:
            order.remove(key)  # it comes after all that derive from it
        classes[key] = each
        order.append(key)
        bases = [base for base in (code.symbol(place, *base) for base in each.bases) if base is not None]
        open_ones += [(base.path, known) for base in reversed(bases) if (known := _known(code, base)) is not None]
    return (classes[key] for key in order)


def _known(code: Code, symbol: Symbol) -> Class | None:
    return code.class_at(symbol.path, symbol.name) if symbol.kind == "class" else None


def _outside(code: Code, path: str, reference: tuple[int, str]) -> str | None:
    return code.external(path, *reference)
