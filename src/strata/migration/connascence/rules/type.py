"""Connascence of type: two pieces of code must agree on the type of a thing (Page-Jones 1992; Weirich 2009).

Told of where a module names another's concrete class in `isinstance`, an annotation or an `except`: it then works with
that class and what derives from it alone. Abstract classes and protocols are what such places should name.
"""

from collections import Counter

from strata.migration.connascence.abstract import is_abstract
from strata.migration.connascence.code import Code
from strata.migration.connascence.finding import Example, Finding, Kind, Outcome, Place, Rule, locality


def look(code: Code) -> Outcome:
    """One finding for each module and foreign class; a site is a module and a foreign class that it names so."""
    findings, sites = list[Finding](), Counter[str]()
    for path, facts in code.files():
        counts, lines, hows = Counter[tuple[str, str]](), dict[tuple[str, str], int](), dict[tuple[str, str], str]()
        for site in facts.types:
            symbol = code.foreign(path, site.binding, site.chain)
            if symbol is not None and symbol.kind == "class":
                key = symbol.path, symbol.name
                counts[key] += 1
                if site.line <= lines.get(key, site.line):
                    lines[key], hows[key] = site.line, site.how
        sites[path] += len(counts)
        for (other, name), count in sorted(counts.items()):
            found = code.class_at(other, name)
            if found is not None and not is_abstract(code, other, found):
                findings.append(
                    Finding(
                        Kind.TYPE,
                        Place(path, lines[other, name]),
                        Place(other, found.line),
                        count,
                        locality(code, path, other),
                        f"names the concrete class {name} of {code.modules.get(other, other)} ({hows[other, name]})",
                        f"{other}:{name}",
                    )
                )
    return Outcome(tuple(findings), sites)


_CLASSES = """\
from abc import ABC, abstractmethod
from typing import Protocol


class Shape(ABC):
    @abstractmethod
    def area(self): ...


class Round(Shape):
    def rim(self): ...


class Square(Shape):
    def area(self): ...


class Sized(Protocol):
    size: int
"""
RULE = Rule(
    Kind.TYPE,
    look,
    valid=(
        Example(
            {
                "p/__init__.py": "",
                "p/m.py": _CLASSES,
                "p/n.py": "from .m import Shape, Sized, Round\ndef f(x: Shape, y: 'Sized') -> Round: ...\n",
            }
        ),
        Example({"m.py": "class Bad(Exception): ...\ntry: ...\nexcept Bad: ...\n"}),
        Example({"m.py": _CLASSES, "n.py": "from m import Square\nprint(Square().area())\n"}),
    ),
    invalid=(
        Example(
            {
                "p/__init__.py": "from .m import Square\n",
                "p/m.py": _CLASSES,
                "n.py": "import p\n\ndef f(x: 'p.Square | None'):\n    return isinstance(x, (int, p.Square))\n",
            },
            (("n.py", 3, 2),),
        ),
        Example(
            {
                "m.py": "class Bad(Exception): ...\n",
                "n.py": "from m import Bad\ntry: ...\nexcept (Bad, OSError): ...\n",
            },
            (("n.py", 3, 1),),
        ),
    ),
)
