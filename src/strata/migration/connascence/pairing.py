"""Calls that belong together in one order, as opening and closing, within one function."""

import ast
from collections.abc import Iterator, Mapping

from strata.migration.connascence.facts import Paired
from strata.migration.connascence.scopes import Scope, chain_of

# The second of each is what gives back what the first took.
_SECONDS: Mapping[str, tuple[str, ...]] = {
    "acquire": ("release",),
    "begin": ("commit",),
    "connect": ("disconnect", "close"),
    "lock": ("unlock",),
    "open": ("close",),
    "start": ("stop",),
    "init": ("shutdown", "close"),
    "initialize": ("shutdown", "finalize", "close"),
    "setup": ("teardown",),
}
OPENED = "open()"  # what makes a receiver, and is no method of it
_WORDS = frozenset(_SECONDS) | {second for seconds in _SECONDS.values() for second in seconds}


def made(scope: Scope, target: ast.expr, value: ast.Call) -> None:
    """Remember what a receiver was made by."""
    receiver = chain_of(target) if isinstance(target, ast.Name | ast.Attribute) else None
    if receiver is not None and scope.kind == "function":
        scope.made[".".join(filter(None, receiver))] = (value.lineno, value.func)


def called(scope: Scope, chain: tuple[str, str], line: int, *, in_finally: bool) -> None:
    """Remember a call of a method that may be one of a pair."""
    before, _, method = chain[1].rpartition(".")
    if method in _WORDS and scope.kind == "function":
        receiver = f"{chain[0]}.{before}" if before else chain[0]
        scope.calls.setdefault(receiver, []).append((line, method, in_finally))


def pairs(scope: Scope) -> Iterator[tuple[Paired, bool]]:
    """Every pair of a function, and whether its second call is sure to come."""
    for receiver, calls in scope.calls.items():
        line, maker = scope.made.get(receiver, (0, None))
        known = chain_of(maker) if maker is not None else None
        binding = scope.binding(known[0]) if known else None
        reference = (binding, known[1]) if known and binding is not None else None
        firsts = [(at, name) for at, name, _ in calls if name in _SECONDS]
        if known == ("open", ""):
            firsts.append((line, OPENED))
        elif reference is not None:
            firsts.append((line, ""))  # an object that has to be closed, if its class says so
        for at, first in sorted(firsts):
            seconds = _SECONDS.get(first, ("close",))  # OPENED and makers are closed
            after = sorted(each for each in calls if each[0] > at and each[1] in seconds)
            if after:
                ensured = any(in_finally for _, _, in_finally in after)
                end, second, _ = after[-1]
                yield Paired(scope.name, receiver, first, second, at, end, reference), ensured
                break
