"""Where the module part of a `from` import stands: its dots and its dotted name.

Between `from` and `import` the grammar allows dots, names, blanks and joined lines, and nothing else: no comment, no
bracket. So a pattern finds the part exactly. Tests compare it with libcst, which prints the same statements.
"""

import re
from collections.abc import Iterator, Sequence

from strata.migration.imports import Statement
from strata.migration.project import Edit, Source

_GAP = r"(?:[ \t\f]|\\(?:\r\n|\r|\n))*"
_FROM = re.compile(rf"from{_GAP}")
_PIECE = re.compile(rf"(\.|\w+){_GAP}")


def module_part(text: str, start: int) -> tuple[int, int]:
    """First and last index of the module part of the `from` import that starts at `start`."""
    begun = _FROM.match(text, start)
    assert begun is not None
    end = begun.end()
    for piece in _pieces(text, begun.end()):
        if piece[1] == "import":
            return begun.end(), end
        end = piece.end(1)
    raise AssertionError(f"no import statement at {start}")


def edit_module(source: Source, statement: Statement, written: str) -> Edit:
    """Put `written` where the module part of the statement is; a blank is added only where words would run together."""
    start, end = module_part(source.text, source.offset(statement.start))
    before = " " if _word(written[0]) and _word(source.text[start - 1]) else ""
    after = " " if _word(written[-1]) and _word(source.text[end]) else ""
    return Edit(start, end, f"{before}{written}{after}")


def blanked(source: Source, statements: Sequence[Statement]) -> str:
    """The text with one dot for the module part of every `from` import, and a blank beside it where there was none.

    Of two files for which this is equal, all other characters are the same.
    """
    pieces, position = [], 0
    for statement in statements:
        if statement.level is not None:
            start, end = module_part(source.text, source.offset(statement.start))
            before = " " if _word(source.text[start - 1]) else ""
            after = " " if _word(source.text[end]) else ""
            pieces += [source.text[position:start], f"{before}.{after}"]
            position = end
    return "".join([*pieces, source.text[position:]])


def _pieces(text: str, start: int) -> Iterator[re.Match[str]]:
    while piece := _PIECE.match(text, start):
        yield piece
        start = piece.end()


def _word(character: str) -> bool:
    return character.isalnum() or character == "_"
