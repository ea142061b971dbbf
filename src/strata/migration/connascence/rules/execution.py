"""Connascence of execution: the order in which things are done matters (Page-Jones 1992; Weirich 2009).

Told of where a function opens and closes, acquires and releases, starts and stops, or sets up and shuts down the same
thing with two calls, and neither `with` nor `finally` makes sure that the second follows. `open` counts, and every
class of the project that has `__enter__` and `close`.
"""

from collections import Counter

from strata.migration.connascence.code import Code, Symbol
from strata.migration.connascence.facts import Paired
from strata.migration.connascence.finding import Example, Finding, Kind, Outcome, Place, Rule, locality
from strata.migration.connascence.pairing import OPENED


def look(code: Code) -> Outcome:
    """One finding for each pair of calls; a site is such a pair, or what a `with` enters."""
    findings, sites = list[Finding](), Counter[str]()
    for path, facts in code.files():
        sites[path] += facts.ensured
        for pair in facts.paired:
            maker = code.symbol(path, *pair.maker) if pair.maker is not None else None
            if pair.first == "" and not _is_closed(code, maker):
                continue
            other = path if maker is None else maker.path
            first = _first(pair, maker)
            findings.append(
                Finding(
                    Kind.EXECUTION,
                    Place(path, pair.line),
                    Place(path, pair.end) if other == path else Place(other, 1),
                    2,
                    locality(code, path, other) if other in code.modules else locality(code, path, path),
                    f"{first} must be followed by .{pair.second}() in line {pair.end}, and nothing ensures it",
                    f"{pair.function}:{pair.receiver}:{pair.first}",
                )
            )
    return Outcome(tuple(findings), sites + Counter(each.place.path for each in findings))


def _first(pair: Paired, maker: Symbol | None) -> str:
    if pair.first in {"", OPENED}:
        return f"{pair.receiver} = {OPENED if maker is None else f'{maker.name}()'}"
    return f"{pair.receiver}.{pair.first}()"


def _is_closed(code: Code, maker: Symbol | None) -> bool:
    found = code.class_at(maker.path, maker.name) if maker is not None and maker.kind == "class" else None
    return found is not None and {"__enter__", "close"} <= set(found.defined)


_FILE = "class Log:\n    def __enter__(self): ...\n    def __exit__(self, *_): ...\n    def close(self): ...\n"
RULE = Rule(
    Kind.EXECUTION,
    look,
    valid=(
        Example({"m.py": "def f(p):\n    with open(p) as file:\n        return file.read()\n"}),
        Example({"m.py": "def f(p):\n    x = open(p)\n    try:\n        x.read()\n    finally:\n        x.close()\n"}),
        Example({"m.py": "def f(lock):\n    lock.release()\n    lock.acquire()\n"}),
        Example({"m.py": "def f(lock):\n    lock.acquire()\ndef g(lock):\n    lock.release()\n"}),
        Example({"m.py": "from os import Log\ndef f():\n    x = Log()\n    x.close()\n"}),
    ),
    invalid=(
        Example({"m.py": "def f(p):\n    x = open(p)\n    x.read()\n    x.close()\n"}, (("m.py", 2, 2),)),
        Example(
            {"m.py": "class C:\n    def f(self):\n        self.lock.acquire()\n        self.lock.release()\n"},
            (("m.py", 3, 2),),
        ),
        Example({"m.py": _FILE, "n.py": "import m\ndef f():\n    x = m.Log()\n    x.close()\n"}, (("n.py", 3, 2),)),
    ),
)
