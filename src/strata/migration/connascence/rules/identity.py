"""Connascence of identity: two pieces of code must refer to the very same object (Page-Jones 1992; Weirich 2009).

Told of where a module changes what another module holds at its top: sets an attribute of the module or of an object in
it, assigns to an item, or calls a method that changes a list, dict or set. All who use it depend on this being done
to the one object that they use.
"""

from collections import Counter

from strata.migration.connascence.code import Code, Symbol
from strata.migration.connascence.facts import Mutated
from strata.migration.connascence.finding import Example, Finding, Kind, Outcome, Place, Rule, locality


def look(code: Code) -> Outcome:
    """One finding for each module and object; a site is a use of another module's variable, or a change of it."""
    findings, sites = list[Finding](), Counter[str]()
    for path, facts in code.files():
        for use in facts.uses:
            symbol = code.foreign(path, use.binding, use.chain)
            sites[path] += use.times if symbol is not None and symbol.kind in {"value", "container"} else 0
        found: dict[tuple[str, str], list[Mutated]] = {}
        for each in facts.mutated:
            symbol = code.foreign(path, each.binding, each.chain)
            if symbol is not None and _is_changed(symbol, each.how):
                found.setdefault((symbol.path, symbol.name), []).append(each)
        for (other, name), changes in sorted(found.items()):
            sites[path] += len(changes)
            first = min(changes, key=lambda each: each.line)
            findings.append(
                Finding(
                    Kind.IDENTITY,
                    Place(path, first.line),
                    Place(other, _line(code, other, name)),
                    len(changes),
                    locality(code, path, other),
                    f"changes {name} of {code.modules.get(other, other)} ({_said(first.how)})",
                    f"{other}:{name}",
                )
            )
    return Outcome(tuple(findings), sites)


def _is_changed(symbol: Symbol, how: str) -> bool:
    if how == "set":
        return bool(symbol.name) and not symbol.name.endswith("__")
    if how == "item":
        return symbol.kind in {"value", "container"}
    return symbol.kind == "container"


def _said(how: str) -> str:
    return {"set": "sets it", "item": "sets an item"}.get(how, f".{how}()")


def _line(code: Code, path: str, name: str) -> int:
    found = code.facts[path].names.get(name.partition(".")[0])
    return found.at if found is not None and found.kind != "import" else 1


_STATE = "CACHE = {}\nLEVEL = 1\n\n\nclass Options: ...\n\n\noptions = Options()\n"
RULE = Rule(
    Kind.IDENTITY,
    look,
    valid=(
        Example({"m.py": _STATE, "n.py": "from m import CACHE, LEVEL\nprint(CACHE['a'], LEVEL)\nx = CACHE.copy()\n"}),
        Example({"m.py": f"{_STATE}CACHE['a'] = 1\n", "n.py": "import os\nos.environ['a'] = 'b'\n"}),
        Example({"m.py": _STATE, "n.py": "from m import CACHE\ndef f():\n    CACHE = {}\n    CACHE['a'] = 1\n"}),
        Example({"m.py": "def f(): ...\n", "n.py": "import m\nm.f.__doc__ = ''\nm.f().x = 1\n"}),
    ),
    invalid=(
        Example({"m.py": _STATE, "n.py": "import m\n\nm.LEVEL = 2\n"}, (("n.py", 3, 1),)),
        Example({"m.py": _STATE, "n.py": "from m import CACHE\nCACHE['a'] = 1\nCACHE.clear()\n"}, (("n.py", 2, 2),)),
        Example(
            {"m.py": _STATE, "n.py": "def f():\n    from m import options\n    options.x = 1\n"}, (("n.py", 3, 1),)
        ),
    ),
)
