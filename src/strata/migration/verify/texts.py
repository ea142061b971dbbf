"""What a file says besides its imports, for changes in which modules have new names."""

import re
from collections.abc import Callable, Sequence

from strata.migration.imports import Statement, StringReference
from strata.migration.project import Source

_MARK = "\0"  # in no source that parses
_IMPORT = re.compile(rf"{_MARK}([^{_MARK}]*){_MARK}")
_COMMENT = re.compile(r"#[^\r\n]*")
_GROUP = re.compile(
    rf"{_IMPORT.pattern}(?:(?:[ \t\f;\\\r\n]|{_COMMENT.pattern})*{_IMPORT.pattern})*(?:[ \t\f]*{_COMMENT.pattern})?"
)


def besides(
    source: Source,
    statements: Sequence[Statement],
    strings: Sequence[StringReference],
    expected: Callable[[str], str],
) -> str:
    """The text with the names that each group of imports binds, and the comments in it, in the place of the group.

    Imports that follow each other are a group: blanks and line ends between them count for nothing, since one statement
    may have become two. expected: what a string reference's value must be afterwards.
    """
    places = [(each.start, each.end, _bound(each), True) for each in statements if _may_change(each)]
    places += [(each.start, each.end, expected(each.value), False) for each in strings]
    pieces, position = [], 0
    for begin, finish, text, is_import in sorted(places):
        start, end = source.offset(begin), source.offset(finish)
        inside = " ".join(_COMMENT.findall(source.text[start:end])) if is_import else ""
        marked = f"{_MARK}{text},{_MARK}{inside}" if is_import else repr(text)
        pieces += [source.text[position:start], marked]
        position = end
    return _GROUP.sub(_grouped, "".join([*pieces, source.text[position:]]))


def _grouped(group: re.Match[str]) -> str:
    return "".join(_IMPORT.findall(group[0])) + " ".join(_COMMENT.findall(_IMPORT.sub("", group[0])))


def _may_change(statement: Statement) -> bool:
    return statement.level is not None or all(alias for _, alias in statement.names)


def _bound(statement: Statement) -> str:
    return ",".join(alias or name for name, alias in statement.names)
