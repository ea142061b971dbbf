"""The static proof of one file: under every name that it runs as, its statements ask for the same modules as before.

What is proved, and from what (see `strata.migration.rewrite.rewrite` for why it suffices):

a. The import statements are the same in number, order, scope, guard and aliases, and each asks for the same absolute
   name under each live name.
b. The syntax trees are equal once module and level of `from` imports are left out.
c. All characters outside of these module parts are the same: comments, line ends, encoding and byte order mark.
d. Both texts parse.

b follows from c and d by the grammar; it is checked all the same, since c rests on where the module parts were found.
"""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import zip_longest
from types import MappingProxyType

from strata.migration.imports import FileFacts, RunName, Statement, parse, statements_of
from strata.migration.project import BadSource, Modules, decode
from strata.migration.rewrite import Refusal, Why, blanked, doubt
from strata.migration.verify.asked import asked, moved
from strata.migration.verify.trees import first_difference


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
    asks for the old one. A file that moves itself is named in it too; its relative imports then count from the new
    place.
    """
    digest = hashlib.sha256(before).hexdigest()
    if digest != facts.digest:
        return Refusal(facts.path, None, Why.STALE, "the file has changed since it was read")
    try:
        old, new, old_tree, new_tree = decode(before), decode(after), parse(before), parse(after)
    except BadSource as error:
        return Refusal(facts.path, error.__dict__.get("line"), error.code, str(error))
    statements = statements_of(new_tree)
    changed = [new for old, new in zip(facts.statements, statements, strict=False) if _is_changed(old, new)]
    if old.encoding != new.encoding:
        return Refusal(facts.path, 1, Why.NOT_EQUAL, f"the encoding {old.encoding} became {new.encoding}")
    if changed and not names:
        return Refusal(facts.path, changed[0].line, Why.NO_NAME, "no name is known to prove it under")
    for statement in changed:
        if (doubted := doubt(statement, facts, names, modules)) is not None:
            return Refusal(facts.path, statement.line, *doubted)
    refusal = (
        _differing(facts, statements, names, renamed)
        or _unequal(facts, first_difference(old_tree, new_tree), "the syntax trees differ beyond modules' names")
        or _unequal(
            facts,
            _first_line(blanked(old, facts.statements), blanked(new, statements)),
            "characters outside of modules' names differ",
        )
    )
    ran = tuple(f"{name.how} {name.name}" for name in names)
    after_digest = hashlib.sha256(after).hexdigest()
    return refusal or Proof(facts.path, digest, after_digest, ran, len(statements), len(changed))


def _differing(
    facts: FileFacts, new: Sequence[Statement], names: Sequence[RunName], renamed: Mapping[str, str]
) -> Refusal | None:
    """Where the two sequences part, under the first name for which they do."""
    for name in names:
        before, after = asked(facts.statements, name, renamed), asked(new, moved(name, names, renamed), {})
        for one, other in zip_longest(before, after):
            if one is None or other is None:
                return Refusal(facts.path, None, Why.NOT_EQUAL, "the number of imported names differs")
            if one[1] != other[1]:
                message = f"run as {name.how} {name.name}, {one[1]} became {other[1]}"
                return Refusal(facts.path, one[0], Why.NOT_EQUAL, message)
    return None


def _unequal(facts: FileFacts, line: int | None, message: str) -> Refusal | None:
    return None if line is None else Refusal(facts.path, line, Why.NOT_EQUAL, message)


def _first_line(old: str, new: str) -> int | None:
    """The line of the first character that differs."""
    if old == new:
        return None
    pairs = zip_longest(old.splitlines(keepends=True), new.splitlines(keepends=True))
    return next(number for number, (one, other) in enumerate(pairs, 1) if one != other)


def _is_changed(old: Statement, new: Statement) -> bool:
    return (old.level, old.module) != (new.level, new.module)
