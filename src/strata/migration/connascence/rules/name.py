"""Connascence of name: two pieces of code must use the same name for one thing (Page-Jones 1992; Weirich 2009).

Nothing can be used without it, so only a module that takes many names from another is told of: each of them is a name
that cannot change alone. Names are counted wherever they come from, imported one by one or as attributes.
"""

from collections import Counter, defaultdict

from strata.migration.connascence.code import Code
from strata.migration.connascence.finding import Example, Finding, Kind, Outcome, Place, Rule, locality

MOST = 7  # names that one module may take from another (Miller 1956: as many as can be held in mind at once)


def taken(code: Code) -> dict[tuple[str, str], dict[str, int]]:
    """By (using file, used file): the names that are taken, and the first line of each."""
    found: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for path, facts in code.files():
        for use in facts.uses:
            symbol = code.foreign(path, use.binding, use.chain)
            if symbol is not None and symbol.name:
                names = found[path, symbol.path]
                first = symbol.name.partition(".")[0]
                names[first] = min(use.line, names.get(first, use.line))
    return found


def look(code: Code) -> Outcome:
    """One finding for each pair of modules; a site is a pair."""
    pairs = taken(code)
    findings = []
    for (path, other), names in sorted(pairs.items()):
        if len(names) > MOST:
            shown = ", ".join(sorted(names)[:3])
            findings.append(
                Finding(
                    Kind.NAME,
                    Place(path, min(names.values())),
                    Place(other, 1),
                    len(names),
                    locality(code, path, other),
                    f"uses {len(names)} names of {code.modules.get(other, other)}: {shown}, ...",
                    other,
                )
            )
    return Outcome(tuple(findings), Counter(path for path, _ in pairs))


_MANY = "a = b = c = d = e = f = g = h = i = 0\n"
RULE = Rule(
    Kind.NAME,
    look,
    valid=(
        Example(
            {"p/__init__.py": "", "p/m.py": _MANY, "p/n.py": "from .m import a, b, c, d, e, f, g\na+b+c+d+e+f+g\n"}
        ),
        Example({"p/__init__.py": "", "p/n.py": "import os\nprint(os.a, os.b, os.c, os.d, os.e, os.f, os.g, os.h)\n"}),
    ),
    invalid=(
        Example(
            {"p/__init__.py": "", "p/m.py": _MANY, "p/n.py": "from . import m\nm.a+m.b+m.c+m.d+m.e+m.f+m.g+m.h\n"},
            (("p/n.py", 2, 8),),
        ),
        Example(
            {
                "p/__init__.py": "from .m import *\n",
                "p/m.py": _MANY,
                "n.py": "from p import a, b, c, d, e\nfrom p.m import f, g, h, i\n\n(a, b, c, d, e, f, g, h, i)\n",
            },
            (("n.py", 4, 9),),
        ),
    ),
)
