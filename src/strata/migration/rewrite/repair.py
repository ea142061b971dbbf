"""Imports that were broken before anyone came, and what each can only have meant. Proposed, and never made unasked."""

import ast
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from strata.migration.imports import (
    Analysis,
    FileFacts,
    Guard,
    Origin,
    RunName,
    Statement,
    absolute_name,
    parse,
    resolve,
)
from strata.migration.project import BadSource, Kind, Source, decode, read_source, splice
from strata.migration.rewrite.doubt import main_name, top
from strata.migration.rewrite.place import edit_module
from strata.migration.rewrite.rewrite import relative_form

_BROKEN = {Origin.MISSING, Origin.NO_PACKAGE, Origin.BEYOND}
_OPTIONAL = Guard.TRY | Guard.HANDLER


@dataclass(frozen=True, slots=True)
class Repair:
    """A `from` import that resolves nowhere, and the one module of the project that it can mean.

    asked: the absolute name that it asks for; what is written where it asks for none. written: what is to stand after
    `from` instead. why: a sentence for a reader.
    """

    path: str
    statement: Statement
    asked: str
    module: str
    written: str
    why: str


def propose_repairs(analysis: Analysis, names: Mapping[str, Iterable[RunName]]) -> tuple[Repair, ...]:
    """Every import of the project's own that resolves nowhere, where exactly one module can be meant.

    That module's name ends like the one that is asked for, in more parts than any other's does, and it has every name
    that is taken from it. What stands under a `try` is taken for optional, and left.
    """
    by_last: dict[str, list[str]] = defaultdict(list)
    paths = {module: path for path, module in analysis.modules.by_path().items()}
    for module in paths:
        by_last[module.rpartition(".")[2]].append(module)
    found = []
    for path, facts in analysis.files.items():
        name = main_name(tuple(names[path]))
        for statement, asked in _broken(facts, name, analysis) if name else ():
            meant = _meant(asked, by_last[asked.rpartition(".")[2]])
            if meant is not None and _has(meant, paths[meant], statement, analysis):
                written = _written(statement, meant, name.package if name else None)
                why = f"there is no {asked}, and {meant} alone ends like it and has what is imported"
                found.append(Repair(path, statement, asked, meant, written, why))
    return tuple(found)


def repair_file(data: bytes, repairs: Iterable[Repair]) -> bytes:
    """The file's bytes with these of its repairs made; raises BadSource where the bytes cannot be decoded."""
    source = decode(data)
    edits = [edit_module(source, each.statement, each.written) for each in repairs]
    return Source(splice(source.text, edits), source.encoding).encode()


def _written(statement: Statement, module: str, package: str | None) -> str:
    """Relative where the statement was, if it can be."""
    relative = bool(statement.level) and package is not None and top(package) == top(module)
    return relative_form(module, package or "") if relative else module


def _broken(facts: FileFacts, name: RunName, analysis: Analysis) -> Iterator[tuple[Statement, str]]:
    for statement in facts.statements:
        if statement.level is None or not statement.module or statement.guard & _OPTIONAL:
            continue
        if resolve(statement, name, analysis.modules)[0].origin not in _BROKEN:
            continue
        absolute = absolute_name(statement, name.package)
        asked = statement.module if isinstance(absolute, Origin) else absolute
        above = analysis.modules.find(top(asked))
        if above is None or above.kind is not Kind.NAMESPACE:  # which could continue elsewhere
            yield statement, asked


def _meant(asked: str, candidates: list[str]) -> str | None:
    """The one whose end is the most like what is asked for."""
    lengths = {name: _common_end(asked.split("."), name.split(".")) for name in candidates}
    best = [name for name, length in lengths.items() if length == max(lengths.values())]
    return best[0] if len(best) == 1 else None


def _common_end(one: list[str], other: list[str]) -> int:
    count = 0
    while count < min(len(one), len(other)) and one[-1 - count] == other[-1 - count]:
        count += 1
    return count


def _has(module: str, path: str, statement: Statement, analysis: Analysis) -> bool:
    """Whether the module binds, at its top or as submodules, every name that the statement takes."""
    wanted = {name for name, _ in statement.names if name != "*"}
    wanted -= {name for name in wanted if analysis.modules.find(f"{module}.{name}") is not None}
    try:
        tree = parse(read_source(analysis.tree.root / path))
    except BadSource:
        return False
    return wanted <= set(_bound(tree))


def _bound(tree: ast.Module) -> Iterator[str]:
    """Names that a module binds outside of functions and classes."""
    stack: list[ast.AST] = [tree]
    while stack:
        node = stack.pop()
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            yield from (name.asname or name.name.partition(".")[0] for name in node.names)
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        else:
            stack += ast.iter_child_nodes(node)
