"""Connascence of value: several values must change together (Page-Jones 1992; Weirich 2009).

Told of where two modules give a constant of one name the same value, or constants of any names the same table or the
same unmistakable number or text: one of them is a copy of the other.
"""

import re
from collections import Counter, defaultdict

from strata.migration.connascence.code import Code
from strata.migration.connascence.facts import Constant
from strata.migration.connascence.finding import Example, Finding, Kind, Outcome, Place, Rule, locality

_TABLE = re.compile(r"(list|tuple|set|dict) ")
_DIGITS = 6  # that a number has which nobody writes twice by chance
_LETTERS = 16


def look(code: Code) -> Outcome:
    """One finding for each value, at the second module; a site is a constant of which the value is not trivial."""
    groups: dict[tuple[str, str], list[tuple[str, Constant]]] = defaultdict(list)
    sites = Counter[str]()
    for path, facts in code.files():
        for constant in facts.constants:
            if constant.name.isupper():
                sites[path] += 1
                name = "" if _is_unmistakable(constant.literal) else constant.name.strip("_")
                groups[name, constant.literal].append((path, constant))
    findings = []
    for (_, literal), group in sorted(groups.items()):
        path, first = group[0]
        others = [each for each in group if each[0] != path]
        if not others:
            continue
        other, second = others[0]
        findings.append(
            Finding(
                Kind.VALUE,
                Place(other, second.line),
                Place(path, first.line),
                len({where for where, _ in group}),
                locality(code, other, path),
                f"{second.name} has the value of {first.name} in {code.modules[path]}: {literal[:60]}",
                f"{second.name}={path}:{first.name}",
                tuple(Place(where, each.line) for where, each in others[1:]),
                mutual=True,
            )
        )
    return Outcome(tuple(findings), sites)


def _is_unmistakable(literal: str) -> bool:
    if _TABLE.match(literal):
        return True
    if literal[0] in "'\"b":
        return len(literal) - 2 >= _LETTERS
    mantissa = re.sub(r"e.*|\D", "", literal.lower()).strip("0")
    return len(mantissa) >= _DIGITS


RULE = Rule(
    Kind.VALUE,
    look,
    valid=(
        Example({"m.py": "LIMIT = 100\nNAME = 'utf-8'\n", "n.py": "LIMIT = 100\nNAME = 'utf-8'\n"}),
        Example({"m.py": "PORT = 8471\n", "n.py": "SEED = 8471\n"}),
        Example({"m.py": "__version__ = '1.2.3b'\nname = 'something'\n", "n.py": "name = 'something'\n"}),
        Example({"m.py": "def f():\n    PORT = 8471\n", "n.py": "PORT = 8471\n"}),
    ),
    invalid=(
        Example({"m.py": "PORT = 8471\n", "n.py": "\n_PORT: int = 8471\n"}, (("n.py", 2, 2),)),
        Example({"m.py": "G = 6.6743e-11\nC = 299792458\n", "n.py": "SPEED = 299_792_458\n"}, (("n.py", 1, 2),)),
        Example(
            {"m.py": "NAMES = ['red', 'green', 'blue']\n", "n.py": "COLOURS = ['red', 'green',\n    'blue']\n"},
            (("n.py", 1, 2),),
        ),
    ),
)
