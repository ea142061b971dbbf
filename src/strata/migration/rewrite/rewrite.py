"""Rewriting one file's `from` imports so that each asks for the same module as before.

Under a name that a file runs as, a `from` import asks the import system for one absolute name (PEP 328, and
`importlib._bootstrap._calc___package__`): dots are nothing but another way to write it. The absolute name and the list
of aliases are all that the import system is given. So two texts whose statements ask for the same absolute names, in
the same order, scope and guard, with the same aliases, do the same, whether or not a module of that name exists when
the file is read: one that a build makes, or that a package makes up when asked, needs no special care.

This holds for one name at a time, so a statement changes only if it asks for the same under all of a file's live names;
a name under which it fails must stay one. It holds for the import system as it is: a program that puts its own
`builtins.__import__` in place, or reads the text of its own files, could tell the two texts apart.
"""

import hashlib
import sys
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from strata.migration.imports import FileFacts, Guard, How, Origin, RunName, Statement, absolute_name
from strata.migration.project import BadSource, Kind, Modules, Source, decode, splice
from strata.migration.rewrite.doubt import doubt, main_name, top
from strata.migration.rewrite.place import edit_module
from strata.migration.rewrite.refusal import Refusal, Why
from strata.migration.rewrite.strategies import Strategy


@dataclass(frozen=True, slots=True)
class Converted:
    """What stands after `from` in one statement, as it was and as it is to be: ("p.b", ".b")."""

    statement: Statement
    before: str
    after: str

    @property
    def line(self) -> int:
        """The line the statement starts on."""
        return self.statement.line


@dataclass(frozen=True, kw_only=True)
class Judged:
    """What a strategy says of one file.

    converted: the statements that change. refusals: those that would have to and stay.
    eligible: `from` imports of the project's own modules. following_before, following_after: of these, how many are as
    the strategy wants them. plain: `import p.x` statements of the project's own modules, which have no other form.
    """

    path: str
    converted: tuple[Converted, ...] = ()
    refusals: tuple[Refusal, ...] = ()
    eligible: int = 0
    following_before: int = 0
    following_after: int = 0
    plain: int = 0


@dataclass(frozen=True, kw_only=True)
class Rewritten(Judged):
    """A file as the strategy wants it; `data` is the same object as before where nothing changes."""

    data: bytes


class _As(Enum):
    """How a statement that stays stands to the strategy."""

    FOREIGN = "it says nothing about it"
    WANTED = "it is as it should be"


def rewrite_file(
    data: bytes, facts: FileFacts, names: Sequence[RunName], modules: Modules, strategy: Strategy
) -> Rewritten:
    """Rewrite the file with these facts as the strategy says, where that is provably the same.

    names: those that the file does run as (`live_names`); more of them only lead to more refusals.
    Raises BadSource where a statement is to change and the bytes are not those that the facts were read from, or cannot
    take the new name in their encoding.
    """
    judged = judge_file(facts, names, modules, strategy)
    if judged.converted:
        if hashlib.sha256(data).hexdigest() != facts.digest:
            raise BadSource(Why.STALE, "the file has changed since it was read")
        source = decode(data)
        edits = [edit_module(source, each.statement, each.after) for each in judged.converted]
        data = Source(splice(source.text, edits), source.encoding).encode()
    return Rewritten(**vars(judged), data=data)


def judge_file(facts: FileFacts, names: Sequence[RunName], modules: Modules, strategy: Strategy) -> Judged:
    """What `rewrite_file` does to the file with these facts, without its bytes."""
    if (problem := facts.problem) is not None:
        refusal = Refusal(facts.path, problem.line, problem.code, problem.message)
        return Judged(path=facts.path, refusals=(refusal,))
    name = main_name(names)
    judged = [_judge(each, facts, names, modules, strategy) for each in facts.statements if each.level is not None]
    ours = [each for each in judged if each is not _As.FOREIGN]
    converted = tuple(each for each in ours if isinstance(each, Converted))
    following = ours.count(_As.WANTED)
    plain = [each for each in facts.statements if each.level is None]
    return Judged(
        path=facts.path,
        converted=converted,
        refusals=tuple(each for each in ours if isinstance(each, Refusal)),
        eligible=len(ours),
        following_before=following,
        following_after=following + len(converted),
        plain=sum(any(_is_own(dotted, name, modules) for dotted, _ in each.names) for each in plain),
    )


def _judge(
    statement: Statement, facts: FileFacts, names: Sequence[RunName], modules: Modules, strategy: Strategy
) -> _As | Converted | Refusal:
    name = main_name(names)
    package = name.package if name else None
    absolute = absolute_name(statement, package)
    if isinstance(absolute, Origin):
        return _unnamed(statement, facts, absolute)
    if not _is_own(absolute, name, modules):
        return _As.FOREIGN
    wanted = absolute
    if package and top(absolute) == top(package) and strategy.relative(absolute, package, modules):
        wanted = relative_form(absolute, package)
    if wanted == _written(statement):
        return _As.WANTED
    assert name is not None
    return _why_not(statement, wanted, facts, names, modules) or Converted(statement, _written(statement), wanted)


def relative_form(absolute: str, package: str) -> str:
    """Dots and name that mean `absolute` where relative imports count from `package`; both begin alike."""
    asked, own = absolute.split("."), package.split(".")
    common = 0
    while common < min(len(asked), len(own)) and asked[common] == own[common]:
        common += 1
    assert common
    return "." * (len(own) - common + 1) + ".".join(asked[common:])


def _unnamed(statement: Statement, facts: FileFacts, why: Origin) -> Refusal:
    if why is Origin.BEYOND:
        message = f"`{statement.written}` counts to above the top-level package"
        return Refusal(facts.path, statement.line, Why.BEYOND, message)
    message = f"`{statement.written}` is relative, and no name is known by which the file has a package"
    return Refusal(facts.path, statement.line, Why.NO_NAME, message)


def _why_not(
    statement: Statement, wanted: str, facts: FileFacts, names: Sequence[RunName], modules: Modules
) -> Refusal | None:
    module = wanted.lstrip(".")
    after = replace(statement, level=len(wanted) - len(module), module=module)
    reason = doubt(after, facts, names, modules)
    for name in names:
        if reason is None and absolute_name(statement, name.package) != absolute_name(after, name.package):
            reason = _differs(statement, facts, name)
    return reason and Refusal(facts.path, statement.line, reason[0], f"`{statement.written}` stays: {reason[1]}")


def _differs(statement: Statement, facts: FileFacts, name: RunName) -> tuple[Why, str]:
    match name.how:
        case How.SCRIPT if statement.guard & (Guard.TRY | Guard.HANDLER) and not facts.main:
            return Why.DUAL_MODE, "the file is written to run both inside a package and without one"
        case How.SCRIPT if facts.main or facts.shebang:
            return Why.SCRIPT, "the file also runs as a script, where relative imports fail"
        case How.SCRIPT:
            return Why.LOADED_BY_PATH, "the file is also loaded by its path, where relative imports fail"
        case How.PYTEST:
            return Why.PYTEST, f"pytest imports the file as {name.name}, without the same package"
    return Why.TWO_NAMES, f"the file is also imported as {name.name}, where it would ask for another module"


def _is_own(dotted: str, name: RunName | None, modules: Modules) -> bool:
    """Whether the dotted name is to be looked for in this project; a namespace may continue elsewhere."""
    own = name is not None and name.package is not None and top(name.package) == top(dotted)
    if not own and top(dotted) in sys.stdlib_module_names:
        return False
    roots = name.roots if name else modules.roots
    found = modules.find(top(dotted), roots)
    if found is None:
        return own
    return found.kind is not Kind.NAMESPACE or modules.find(dotted, roots) is not None


def _written(statement: Statement) -> str:
    return "." * (statement.level or 0) + statement.module
