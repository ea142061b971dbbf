"""Suites as files: JSON Lines, an item a line.

`{"id": "sum-0017", "domain": "math", "prompt": "2+2=", "scoring": "choice", "choices": ["3", "4"], "answer": 1}`;
see `Item` for the fields. Empty lines are passed over.
"""

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from strata.evolution.suites.item import BadSuite, Item
from strata.evolution.suites.suite import Suite
from strata.files import write

LONGEST_LINE = 1_000_000
MOST_ITEMS = 1_000_000


@dataclass(frozen=True)
class Listed:
    """A space of items that are all there."""

    name: str
    items: tuple[Item, ...]

    @property
    def size(self) -> int:
        """How many items there are."""
        return len(self.items)

    def item(self, index: int) -> Item:
        """Item number `index`."""
        return self.items[index]


def read_items(path: Path) -> tuple[Item, ...]:
    """All items of a file, in its order. Raises BadSuite, which names the line."""
    found: dict[tuple[str, str], Item] = {}
    prompts: dict[tuple[str, str], int] = {}
    try:
        with path.open("rb") as file:
            number = 0
            while line := file.readline(LONGEST_LINE + 1):
                number += 1
                if not line.strip():
                    continue
                item = _parse(line, f"{path}, line {number}")
                if (item.domain, item.id) in found:
                    raise BadSuite(f"{path}, line {number}: item {item.id!r} of domain {item.domain!r} is there twice")
                # Two items with one prompt could be drawn for two purposes, which must share nothing.
                before = prompts.setdefault((item.domain, item.prompt), number)
                if before != number:
                    raise BadSuite(f"{path}, line {number}: the same prompt as in line {before}")
                found[item.domain, item.id] = item
                if len(found) > MOST_ITEMS:
                    raise BadSuite(f"{path} holds more than {MOST_ITEMS} items")
    except OSError as error:
        raise BadSuite(f"cannot read {path}: {error}") from error
    if not found:
        raise BadSuite(f"{path} holds no items")
    return tuple(found.values())


def write_items(path: Path, items: Iterable[Item]) -> None:
    """Write them, one a line, in one step."""
    write(path, "".join(item.to_json() + "\n" for item in items).encode())


def read_suites(path: Path) -> tuple[Suite, ...]:
    """The suites of a file, one for each of its domains, in order of the domains. Raises BadSuite.

    Their version depends on their items, not on the order of the lines, nor on the file's name.
    """
    return listed_suites(path.stem, read_items(path))


def listed_suites(name: str, items: Iterable[Item]) -> tuple[Suite, ...]:
    """Suites of these items, called `name`: see `read_suites`."""
    by_domain: dict[str, list[Item]] = {}
    for item in items:
        by_domain.setdefault(item.domain, []).append(item)
    return tuple(_suite(name, domain, by_domain[domain]) for domain in sorted(by_domain))


def _suite(name: str, domain: str, items: list[Item]) -> Suite:
    ordered = sorted(items, key=lambda item: item.id)
    running = hashlib.sha256()
    for item in ordered:
        running.update(item.to_json().encode() + b"\n")
    return Suite(f"{name}-{domain}", running.hexdigest()[:16], domain, (Listed(domain, tuple(ordered)),))


def _parse(line: bytes, where: str) -> Item:
    if len(line) > LONGEST_LINE:
        raise BadSuite(f"{where}: longer than {LONGEST_LINE} bytes")
    try:
        return Item.from_json(line.decode())
    except (BadSuite, UnicodeDecodeError) as error:
        raise BadSuite(f"{where}: {error}") from error
