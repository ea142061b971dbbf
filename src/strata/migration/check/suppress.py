"""Comments that say that a violation is meant: `# strata: ignore`, or `# strata: ignore[rule, rule]`."""

import io
import re
import tokenize
from pathlib import Path

from strata.migration.check.violation import Violation
from strata.migration.project import BadSource, read_source

_WORDS = b"strata:"
_COMMENT = re.compile(r"#\s*strata:\s*ignore(?:\[([\w\s,-]*)\])?(?![\w\[])")
ALL = frozenset({"*"})


class Comments:
    """The comments of a project's files, each read when it is first asked for."""

    def __init__(self, root: Path) -> None:
        self._root = root
        self._files: dict[str, dict[int, frozenset[str]]] = {}

    def suppress(self, violation: Violation) -> bool:
        """Whether a comment on any of the violation's lines names its rule, or none."""
        if violation.path not in self._files:
            self._files[violation.path] = self._read(violation.path)
        lines = self._files[violation.path]
        named = (lines.get(line, frozenset()) for line in range(violation.line, violation.end + 1))
        return any(each is ALL or violation.rule in each for each in named) if lines else False

    def _read(self, path: str) -> dict[int, frozenset[str]]:
        try:
            data = read_source(self._root / path)
        except BadSource:
            return {}
        return suppressions(data)


def suppressions(data: bytes) -> dict[int, frozenset[str]]:
    """The rules that are ignored on each line, ALL where none is named; only real comments count."""
    if _WORDS not in data:
        return {}
    found = {}
    try:
        for token in tokenize.tokenize(io.BytesIO(data).readline):
            if token.type == tokenize.COMMENT and (match := _COMMENT.search(token.string)):
                named = match[1]
                rules = ALL if named is None else frozenset(filter(None, re.split(r"[\s,]+", named)))
                found[token.start[0]] = rules
    except (tokenize.TokenError, SyntaxError):
        return found  # what stands before is read
    return found
