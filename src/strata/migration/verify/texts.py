"""What a file says besides its imports, for changes in which modules have new names."""

import re
from collections.abc import Callable, Sequence

from strata.migration.imports import Statement, StringReference
from strata.migration.project import Source

_MARK = "\0"  # in no source that parses
_BETWEEN = re.compile(rf"{_MARK}[ \t\f;\\\r\n]*{_MARK}")
_COMMENT = re.compile(r"#[^\r\n]*")


def besides(
    source: Source,
    statements: Sequence[Statement],
    strings: Sequence[StringReference],
    expected: Callable[[str], str],
) -> str:
    """The text with a mark in the place of each import that says what it binds, and one of each string reference.

    Blanks and line ends between imports that follow each other are left out, since one statement may have become two;
    the comments inside of them are kept. expected: what a string reference's value must be afterwards.
    """
    places = [(each.start, each.end, _bound(each), True) for each in statements if _may_change(each)]
    places += [(each.start, each.end, expected(each.value), False) for each in strings]
    pieces, position = [], 0
    for begin, finish, text, is_import in sorted(places):
        start, end = source.offset(begin), source.offset(finish)
        comments = "".join(_COMMENT.findall(source.text[start:end])) if is_import else ""
        pieces += [source.text[position:start], f"{_MARK}{text}{comments},{_MARK}"]
        position = end
    return _BETWEEN.sub("", "".join([*pieces, source.text[position:]]))


def _may_change(statement: Statement) -> bool:
    return statement.level is not None or all(alias for _, alias in statement.names)


def _bound(statement: Statement) -> str:
    return ",".join(alias or name for name, alias in statement.names)
