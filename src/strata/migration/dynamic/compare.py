"""What came of an import before a change, held against what comes of it after."""

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from itertools import zip_longest

from strata.migration.dynamic.probe import UNREACHED, Facts

_SHOWN = 3


class Verdict(StrEnum):
    """unverifiable: it failed before, so that nothing can be seen of the change, and nothing is claimed."""

    SAME = "same"
    CHANGED = "changed"
    UNVERIFIABLE = "unverifiable"


@dataclass(frozen=True, slots=True)
class Compared:
    """A verdict, and the first of what differs, for a reader."""

    verdict: Verdict
    why: str = ""


def compare(before: Facts, after: Facts, renamed: Mapping[str, str] | None = None) -> Compared:  # noqa: PLR0911
    """Same success or the same type of exception, `__all__`, names with their types, and order of loaded modules.

    renamed: new names of modules that move; where there are any the file and the order are not compared, which a move
    is there to change, nor which modules a package has as attributes only because something loaded them.
    """
    if before.outcome != "ok":
        said = f"{before.outcome}: {before.text}" if before.text else before.outcome
        if after.outcome == before.outcome or UNREACHED in {before.outcome, after.outcome}:
            return Compared(Verdict.UNVERIFIABLE, f"failed before: {said}")
        return Compared(Verdict.CHANGED, f"{said} before, {after.outcome} after")
    if after.outcome != "ok":
        if after.outcome == UNREACHED:
            return Compared(Verdict.UNVERIFIABLE, "there was no time left to import it")
        return Compared(Verdict.CHANGED, f"imported before, {after.outcome} after: {after.text}")
    if before.exported != after.exported:
        return Compared(Verdict.CHANGED, f"__all__ was {before.exported}, is {after.exported}")
    new, now = (
        {name: _translated(kind, renamed or {}) for name, kind in (before.names or {}).items()},
        after.names or {},
    )
    if renamed:
        new, now = _without_loaded(new, now), _without_loaded(now, new)
    if different := _different(new, now):
        return Compared(Verdict.CHANGED, different)
    if renamed:
        return Compared(Verdict.SAME)
    if before.file != after.file:
        return Compared(Verdict.CHANGED, f"was {before.file}, is {after.file}")
    if before.order != after.order:
        pairs = zip_longest(before.loaded, after.loaded)
        first = next(((one, other) for one, other in pairs if one != other), None)
        where = f": {first[0]} before, {first[1]} after" if first else ""
        return Compared(Verdict.CHANGED, f"modules are loaded in another order{where}")
    return Compared(Verdict.SAME)


def _without_loaded(names: Mapping[str, str], others: Mapping[str, str]) -> dict[str, str]:
    """The names without modules of that name which the others lack: what loads a submodule makes it an attribute."""
    return {
        name: kind
        for name, kind in names.items()
        if name in others or not (kind.startswith("builtins.module ") and kind.endswith(f".{name}"))
    }


def _different(before: Mapping[str, str], after: Mapping[str, str]) -> str:
    names = [name for name in sorted({*before, *after}) if before.get(name) != after.get(name)]
    shown = [f"{name} was {before.get(name)}, is {after.get(name)}" for name in names[:_SHOWN]]
    more = f"; and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return "; ".join(shown) + more


def _translated(kind: str, renamed: Mapping[str, str]) -> str:
    text, _, what = kind.partition(" ")
    for old, new in sorted(renamed.items(), key=lambda item: -len(item[0])):
        if text.startswith(f"{old}."):
            text = new + text.removeprefix(old)
            break
    for old, new in sorted(renamed.items(), key=lambda item: -len(item[0])):
        if what == old or what.startswith(f"{old}."):
            what = new + what.removeprefix(old)
            break
    return f"{text} {what}" if what else text
