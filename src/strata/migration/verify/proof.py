"""The static proof of one file: under every name that it runs as, its statements ask for the same modules as before.

What is proved, and from what (see `strata.migration.rewrite.rewrite` for why it suffices):

a. The import statements are the same in number, order, scope, guard and aliases, and each asks for the same absolute
   name under each live name.
b. The syntax trees are equal once module and level of `from` imports are left out.
c. All characters outside of these module parts are the same: comments, line ends, encoding and byte order mark.
d. Both texts parse.

b follows from c and d by the grammar; it is checked all the same, since c rests on where the module parts were found.
"""

import ast
import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType

from strata.migration.imports import FileFacts, RunName, Statement, parse, statements_of, string_references
from strata.migration.project import BadSource, Modules, Source, decode
from strata.migration.rewrite import Refusal, Why, blanked, doubt
from strata.migration.verify.asked import asked, moved
from strata.migration.verify.texts import besides
from strata.migration.verify.trees import first_difference, first_difference_renamed


@dataclass(frozen=True, slots=True)
class Proof:
    """A file's change is harmless.

    before, after: SHA-256 of the bytes, in hex. names: those under which it was proved, such as "import p.a".
    statements: import statements compared. changed: those that are written otherwise.
    """

    path: str
    before: str
    after: str
    names: tuple[str, ...]
    statements: int
    changed: int


def prove(
    before: bytes,
    after: bytes,
    facts: FileFacts,
    names: Sequence[RunName],
    modules: Modules,
    *,
    renamed: Mapping[str, str] = MappingProxyType({}),
) -> Proof | Refusal:
    """Prove that `after` does what `before` did, or say what differs.

    facts: those of `before`. names: every name that the file runs as.
    renamed: old to new absolute names of modules whose files move: `after` must ask for the new one wherever `before`
    asks for the old one, also in strings that name modules; an `import p.old` without `as` must stay, since the file
    uses the old name. One statement may become several. A file that moves itself is named in `renamed` too; its
    relative imports then count from the new place.
    """
    digest = hashlib.sha256(before).hexdigest()
    if digest != facts.digest:
        return Refusal(facts.path, None, Why.STALE, "the file has changed since it was read")
    try:
        old, new = _Text(decode(before), parse(before), facts), _Text.read(facts.path, after, strings=bool(renamed))
    except BadSource as error:
        return Refusal(facts.path, error.__dict__.get("line"), error.code, str(error))
    changed = _changed(facts.statements, new.facts.statements)
    refusal = (
        _untrusted(changed, facts, names, modules)
        or _differing(facts, new.facts, names, renamed)
        or _unequal(old, new, renamed)
    )
    ran = tuple(f"{name.how} {name.name}" for name in names)
    after_digest = hashlib.sha256(after).hexdigest()
    return refusal or Proof(facts.path, digest, after_digest, ran, len(new.facts.statements), len(changed))


@dataclass(frozen=True, slots=True)
class _Text:
    source: Source
    tree: ast.Module
    facts: FileFacts

    @classmethod
    def read(cls, path: str, data: bytes, *, strings: bool) -> "_Text":
        tree = parse(data)
        references = string_references(tree, data) if strings else ()
        return cls(decode(data), tree, FileFacts(path, "", statements_of(tree), references))


def _untrusted(
    changed: Sequence[Statement], facts: FileFacts, names: Sequence[RunName], modules: Modules
) -> Refusal | None:
    """Why what is known of the file's names does not carry a proof."""
    if changed and not names:
        return Refusal(facts.path, changed[0].line, Why.NO_NAME, "no name is known to prove it under")
    for statement in changed:
        if (doubted := doubt(statement, facts, names, modules)) is not None:
            return Refusal(facts.path, statement.line, *doubted)
    return None


def _differing(
    facts: FileFacts, new: FileFacts, names: Sequence[RunName], renamed: Mapping[str, str]
) -> Refusal | None:
    """Where the two sequences part, under the first name for which they do."""
    for name in names:
        before, after = asked(facts.statements, name, renamed), asked(new.statements, moved(name, names, renamed), {})
        for one, other in zip_longest(before, after):
            if one is None or other is None:
                return Refusal(facts.path, None, Why.NOT_EQUAL, "the number of imported names differs")
            if one[1] != other[1]:
                message = f"run as {name.how} {name.name}, {one[1]} became {other[1]}"
                return Refusal(facts.path, one[0], Why.NOT_EQUAL, message)
    return None


def _unequal(old: _Text, new: _Text, renamed: Mapping[str, str]) -> Refusal | None:
    """Where trees or texts differ beyond the names of modules."""
    path = old.facts.path
    if old.source.encoding != new.source.encoding:
        message = f"the encoding {old.source.encoding} became {new.source.encoding}"
        return Refusal(path, 1, Why.NOT_EQUAL, message)
    if renamed:
        references = {each.start for each in old.facts.strings}
        line = first_difference_renamed(
            old.tree, new.tree, lambda place, value: _renamed(value, renamed) if place in references else value
        )
        before = besides(old.source, old.facts.statements, old.facts.strings, lambda value: _renamed(value, renamed))
        after = besides(new.source, new.facts.statements, new.facts.strings, lambda value: value)
    else:
        line = first_difference(old.tree, new.tree)
        before = blanked(old.source, old.facts.statements)
        after = blanked(new.source, new.facts.statements)
    if line is not None:
        return Refusal(path, line, Why.NOT_EQUAL, "the syntax trees differ beyond the names of modules")
    if before != after:
        message = "characters outside of the names of modules differ"
        return Refusal(path, _first_line(before, after), Why.NOT_EQUAL, message)
    return None


def _renamed(value: str, renamed: Mapping[str, str]) -> str:
    """A dotted name in a string, its longest part that is a renamed module replaced."""
    parts = value.split(".")
    for count in range(len(parts), 0, -1):
        if (new := renamed.get(".".join(parts[:count]))) is not None:
            return ".".join([new, *parts[count:]])
    return value


def _first_line(old: str, new: str) -> int:
    """The line of the first character that differs."""
    pairs = zip_longest(old.splitlines(keepends=True), new.splitlines(keepends=True))
    return next(number for number, (one, other) in enumerate(pairs, 1) if one != other)


def _changed(old: Sequence[Statement], new: Sequence[Statement]) -> list[Statement]:
    """The new statements that are written otherwise; where one became several, those that nowhere stood before."""
    if len(old) == len(new):
        return [other for one, other in zip(old, new, strict=True) if _written(one) != _written(other)]
    known = set(map(_written, old))
    return [each for each in new if _written(each) not in known]


def _written(statement: Statement) -> tuple[object, ...]:
    return statement.level, statement.module, statement.names
