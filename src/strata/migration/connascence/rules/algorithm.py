"""Connascence of algorithm: two pieces of code must do a thing in the same way (Page-Jones 1992; Weirich 2009).

Told of where functions of six or more statements do the same, step by step, whatever they and their variables are
called: copies that a mend of one leaves behind in the others.
"""

from collections import Counter, defaultdict

from strata.migration.connascence.code import Code
from strata.migration.connascence.facts import Function
from strata.migration.connascence.finding import Example, Finding, Kind, Outcome, Place, Rule, locality


def copies(code: Code) -> list[list[tuple[str, Function]]]:
    """Groups of functions that do the same, in the order of their paths; those of one module alone are left out."""
    groups: dict[str, list[tuple[str, Function]]] = defaultdict(list)
    for path, facts in code.files():
        for function in facts.functions:
            if function.body:
                groups[function.body].append((path, function))
    return [group for group in groups.values() if len({path for path, _ in group}) > 1]


def look(code: Code) -> Outcome:
    """One finding for each group, at its second member; a site is a function of six or more statements."""
    findings = []
    for group in copies(code):
        path, first = group[0]
        other, second = next(each for each in group if each[0] != path)
        places = tuple(Place(where, each.line) for where, each in group if each not in (first, second))
        said = f"{second.name} does the same as {first.name} of {code.modules[path]}"
        more = f", and {len(group) - 2} more" if len(group) > 2 else ""
        findings.append(
            Finding(
                Kind.ALGORITHM,
                Place(other, second.line),
                Place(path, first.line),
                len(group),
                locality(code, other, path),
                f"{said}, in {first.statements} statements{more}",
                f"{second.name}={path}:{first.name}",
                places,
                mutual=True,
            )
        )
    sites = Counter(path for path, facts in code.files() for function in facts.functions if function.body)
    return Outcome(tuple(findings), sites)


def _function(name: str, variable: str, step: str = "1", doc: str = "") -> str:
    v = variable
    lines = [f"def {name}({v}s):", doc and f'    """{doc}"""', "    total = 0", f"    for {v} in {v}s:"]
    lines += [f"        if {v} > 3:", f"            total += {v} * {step}", "        else:"]
    lines += ["            total -= 1", "    return total", ""]
    return "\n".join(filter(None, lines)) + "\n"


RULE = Rule(
    Kind.ALGORITHM,
    look,
    valid=(
        Example({"m.py": _function("f", "x"), "n.py": _function("f", "x", "7")}),
        Example({"m.py": _function("f", "x") + _function("g", "y")}),
        Example({"m.py": "def f(x):\n    y = x\n    return y\n", "n.py": "def f(x):\n    y = x\n    return y\n"}),
    ),
    invalid=(
        Example(
            {"m.py": _function("f", "x"), "n.py": f"\n{_function('g', 'y', doc='Other words.')}"}, (("n.py", 2, 2),)
        ),
        Example(
            {"m.py": _function("f", "x"), "n.py": _function("f", "x"), "o.py": _function("h", "z")}, (("n.py", 1, 3),)
        ),
    ),
)
