"""Finding the few nodes of a syntax tree that matter, without visiting the rest of it."""

import ast
import re
from bisect import bisect_left
from collections.abc import Iterable, Iterator

_CODING = re.compile(rb"\A(?:[ \t\f]*(?:#[^\r\n]*)?(?:\r\n|\r|\n))?[ \t\f]*#[^\r\n]*coding[:=]")


class Lines:
    """The lines of a text on which one of some words stands; a node that spans none of them need not be looked into.

    Words are looked for one by one in the raw bytes: an expression with alternatives takes as long as parsing.
    """

    def __init__(self, data: bytes, words: Iterable[bytes]) -> None:
        self.everywhere = _CODING.match(data) is not None  # the bytes need not spell what the text does
        self._lines: list[int] = []
        if b"\r" in data:
            data = data.replace(b"\r\n", b"\n").replace(b"\r", b"\n")
        found = [] if self.everywhere else sorted(at for word in words for at in places(data, word))
        line, counted = 1, 0
        for place in found:
            line += data.count(b"\n", counted, place)
            counted = place
            if not self._lines or self._lines[-1] != line:
                self._lines.append(line)

    def __bool__(self) -> bool:
        return self.everywhere or bool(self._lines)

    def touch(self, node: ast.AST) -> bool:
        """Whether the node may hold what was searched for; one without a place may."""
        end = getattr(node, "end_lineno", None)
        if end is None or self.everywhere:
            return True
        decorators = getattr(node, "decorator_list", None)  # which stand above the place of what they decorate
        start = decorators[0].lineno if decorators else node.lineno  # type: ignore[attr-defined]
        at = bisect_left(self._lines, start)
        return at < len(self._lines) and self._lines[at] <= end

    def walk(self, tree: ast.AST) -> Iterator[ast.AST]:
        """`ast.walk` without the nodes that they do not touch, in no particular order."""
        stack = [tree]
        while stack:
            node = stack.pop()
            if isinstance(node, ast.JoinedStr):  # before Python 3.12, places inside of one can be wrong
                yield from ast.walk(node)
                continue
            yield node
            stack += [child for child in ast.iter_child_nodes(node) if self.touch(child)]


def places(data: bytes, word: bytes) -> Iterator[int]:
    """Where the word stands in the bytes."""
    at = data.find(word)
    while at >= 0:
        yield at
        at = data.find(word, at + len(word))
