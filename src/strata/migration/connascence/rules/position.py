"""Connascence of position: two pieces of code must agree on the order of values (Page-Jones 1992; Weirich 2009).

Told of where a call hands another module's function more than three arguments by position, or takes apart a tuple of
three or more that such a function returns. Keywords, and results with named fields, weaken it to connascence of name.
"""

from collections import Counter

from strata.migration.connascence.code import Code
from strata.migration.connascence.facts import Call, Function
from strata.migration.connascence.finding import Example, Finding, Kind, Outcome, Place, Rule, locality

MOST = 3  # arguments that may be told apart by their order


def look(code: Code) -> Outcome:
    """One finding for each call; a site is a call of another module's function that is found."""
    findings, sites = list[Finding](), Counter[str]()
    for path, facts in code.files():
        for use in facts.uses:
            symbol = code.foreign(path, use.binding, use.chain) if use.calls else None
            sites[path] += use.calls if symbol is not None and code.function(symbol) is not None else 0
        for call in facts.calls:
            symbol = code.foreign(path, call.binding, call.chain)
            function = code.function(symbol) if symbol is not None else None
            if symbol is None or function is None:
                continue
            degree, said = _degree(call, function, is_method=symbol.kind == "class")
            if degree:
                findings.append(
                    Finding(
                        Kind.POSITION,
                        Place(path, call.line),
                        Place(symbol.path, function.line),
                        degree,
                        locality(code, path, symbol.path),
                        f"{said} of {symbol.name} in {code.modules.get(symbol.path, symbol.path)} by position",
                        f"{symbol.path}:{symbol.name}:{degree}",
                    )
                )
    return Outcome(tuple(findings), sites)


def _degree(call: Call, function: Function, *, is_method: bool) -> tuple[int, str]:
    # What `*args` takes has no place that means something.
    placed = len(function.positional) - is_method if function.variadic else call.positional
    given = min(call.positional, placed)
    if given > MOST:
        return given, f"gives {given} arguments"
    if call.unpacked >= MOST and call.unpacked == function.returned:
        return call.unpacked, f"takes apart the {call.unpacked} results"
    return 0, ""


_FUNCTIONS = """\
def draw(x, y, width, height): ...


def total(*numbers): ...


def split(text):
    return text[:1], text[1:2], text[2:]


class Box:
    def __init__(self, x, y, z, w): ...
"""
RULE = Rule(
    Kind.POSITION,
    look,
    valid=(
        Example({"m.py": _FUNCTIONS, "n.py": "from m import draw\ndraw(1, 2, width=3, height=4)\ndraw(*range(4))\n"}),
        Example({"m.py": _FUNCTIONS, "n.py": "from m import total\ntotal(1, 2, 3, 4, 5)\n"}),
        Example({"m.py": _FUNCTIONS, "n.py": "import m\na, *b = m.split('abc')\nx, y, z = m.total()\n"}),
        Example({"m.py": f"{_FUNCTIONS}\ndraw(1, 2, 3, 4)\n", "n.py": "import os\nos.link(1, 2, 3, 4)\n"}),
        Example({"m.py": _FUNCTIONS, "n.py": "from m import draw\ndef f(draw):\n    draw(1, 2, 3, 4)\n"}),
    ),
    invalid=(
        Example({"m.py": _FUNCTIONS, "n.py": "import m\n\nm.draw(1, 2, 3, 4)\n"}, (("n.py", 3, 4),)),
        Example({"m.py": _FUNCTIONS, "n.py": "from m import Box as B\nb = B(1, 2, 3, 4)\n"}, (("n.py", 2, 4),)),
        Example({"m.py": _FUNCTIONS, "n.py": "from m import split\na, b, c = split('abc')\n"}, (("n.py", 2, 3),)),
    ),
)
