"""Connascence of meaning: two pieces of code must agree on what a value stands for (Page-Jones 1992, who calls it
connascence of convention; Weirich 2009).

Told of where one module hands a literal to a parameter that another module's function compares with that literal, and
where two modules compare the attribute or key of one name with the same literal. An enumeration, or a constant, weakens
it to connascence of name. Literals that the language or the world gives their meaning are left out.
"""

from collections import defaultdict
from collections.abc import Iterator

from strata.migration.connascence.code import Code
from strata.migration.connascence.facts import Compared, Passed
from strata.migration.connascence.finding import Example, Finding, Kind, Outcome, Place, Rule, locality

_OF_THE_WORLD = {"status_code", "returncode", "exitcode", "errno"}  # numbers that protocols and systems give


def look(code: Code) -> Outcome:
    """One finding for each parameter that a module hands such literals, and for each subject and set of modules.

    A site is a literal, not trivial, that is compared with something that has a name, or handed to another module.
    """
    sites = {
        path: sum(_is_ours(code, path, each) for each in facts.compared)
        + sum(code.foreign(path, each.binding, each.chain) is not None for each in facts.passed)
        for path, facts in code.files()
    }
    return Outcome((*_handed(code), *_shared(code)), sites)


def _handed(code: Code) -> Iterator[Finding]:
    meant: dict[tuple[str, str, str, str], int] = {}
    for path, facts in code.facts.items():
        for each in facts.compared:
            if each.kind == "parameter":
                meant.setdefault((path, each.function, each.subject, each.literal), each.line)
    for path, facts in code.files():
        found: dict[tuple[str, str, str], dict[str, tuple[int, int]]] = defaultdict(dict)
        for given in facts.passed:
            callee = _parameter(code, path, given)
            line = meant.get((*callee, given.literal)) if callee is not None else None
            if callee is not None and line is not None:
                found[callee].setdefault(given.literal, (given.line, line))
        for (other, function, parameter), literals in found.items():
            shown = ", ".join(sorted(literals)[:3])
            here, there = min(literals.values())
            yield Finding(
                Kind.MEANING,
                Place(path, here),
                Place(other, there),
                len(literals),
                locality(code, path, other),
                f"hands {shown} to {parameter} of {function} in {code.modules.get(other, other)}, which compares it",
                f"{other}:{function}:{parameter}",
            )


def _parameter(code: Code, path: str, given: Passed) -> tuple[str, str, str] | None:
    symbol = code.foreign(path, given.binding, given.chain)
    function = code.function(symbol) if symbol is not None else None
    if symbol is None or function is None:
        return None
    if not given.argument.isdigit():
        return symbol.path, function.name, given.argument
    index = int(given.argument) + (symbol.kind == "class")  # `self` comes first
    return (symbol.path, function.name, function.positional[index]) if index < len(function.positional) else None


def _shared(code: Code) -> Iterator[Finding]:
    lines: dict[tuple[str, str], dict[str, int]] = defaultdict(dict)
    for path, facts in code.files():
        for each in facts.compared:
            if _is_ours(code, path, each) and each.kind in {"attribute", "key"}:
                found = lines[each.subject, each.literal]
                found[path] = min(each.line, found.get(path, each.line))
    groups: dict[tuple[str, tuple[str, ...]], list[str]] = defaultdict(list)
    for (subject, literal), found in lines.items():
        if len(found) > 1:
            groups[subject, tuple(sorted(found))].append(literal)
    for (subject, paths), literals in sorted(groups.items()):
        first, second, *more = ((path, lines[subject, literals[0]][path]) for path in paths)
        shown = ", ".join(sorted(literals)[:3])
        others = f", and in {len(more)} more" if more else ""
        yield Finding(
            Kind.MEANING,
            Place(*second),
            Place(*first),
            len(literals) * (len(paths) - 1),
            locality(code, second[0], first[0]),
            f"{subject} is compared with {shown} here and in {code.modules[first[0]]}{others}",
            f"{subject}:{first[0]}",
            tuple(Place(*each) for each in more),
            mutual=True,
        )


def _is_ours(code: Code, path: str, each: Compared) -> bool:
    """Whether the meaning is the project's: not the language's, nor that of another library, as of `sys.platform`."""
    if each.subject.startswith("__") or each.subject in _OF_THE_WORLD:
        return False
    return each.binding is None or code.symbol(path, each.binding, "") is not None


_SOLVE = "def solve(problem, method='simplex'):\n    if method == 'interior':\n        return 1\n    return 2\n"
RULE = Rule(
    Kind.MEANING,
    look,
    valid=(
        Example({"m.py": _SOLVE, "n.py": "from m import solve\nsolve(1, method='unknown')\nsolve('interior')\n"}),
        Example({"m.py": "def f(x): return x.n == 'utf-8'\n", "n.py": "def f(x): return x.n == 'utf-8' or x.n == 1\n"}),
        Example({"m.py": "def f(r): return r.status_code == 409\n", "n.py": "def f(r): return r.status_code == 409"}),
        Example({"m.py": "import sys\nsys.x == 'emscripten'\n", "n.py": "import sys\nsys.x == 'emscripten'\n"}),
        Example({"m.py": "def f(a): return a == 'square'\n", "n.py": "def g(a): return a == 'square'\n"}),
    ),
    invalid=(
        Example({"m.py": _SOLVE, "n.py": "import m\nm.solve(1, 'interior')\n"}, (("n.py", 2, 1),)),
        Example({"m.py": _SOLVE, "n.py": "from m import solve\nsolve(1, method='interior')\n"}, (("n.py", 2, 1),)),
        Example(
            {
                "m.py": "class Solver:\n    def __init__(self, method):\n        self.exact = method == 'exact'\n",
                "n.py": "from m import Solver\nSolver('exact')\n",
            },
            (("n.py", 2, 1),),
        ),
        Example(
            {
                "m.py": "def f(x): return x.state in ('running', 'stopped')\n",
                "n.py": "def g(y):\n    match y.state:\n        case 'running' | 'stopped': return 1\n",
            },
            (("n.py", 3, 2),),
        ),
        Example(
            {"m.py": "def f(x): return x['kind'] == 'node'\n", "n.py": "def g(y): return 'node' != y.get('kind')\n"},
            (("n.py", 1, 1),),
        ),
    ),
)
