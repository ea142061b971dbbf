"""From a project to a plan, and from a planned file to the step that the journal makes, with its proof."""

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from strata.errors import StrataError
from strata.migration.imports import Analysis, FileFacts, RunName, Statement
from strata.migration.project import BadSource, Change, Edit, Modules, Source, Step, decode, read_source, splice
from strata.migration.rewrite import STRATEGIES, Refusal, Strategy, Why, edit_module, judge_file, live_names
from strata.migration.run.plan import Figures, MigrationPlan, PlannedFile, PlannedImport, is_utf8
from strata.migration.verify import prove

NAME = "name"
_NOT_UTF8 = "its name is no UTF-8, so the journal cannot keep it"
UNKNOWN = "unknown"  # a planned file that the project does not have


def find_strategy(name: str) -> Strategy:
    """The strategy of that name; raises StrataError for another."""
    if name not in STRATEGIES:
        raise StrataError(f"there is no strategy {name!r}; choose {', '.join(STRATEGIES)}")
    return STRATEGIES[name]


def plan_migration(
    analysis: Analysis,
    strategy: str,
    names: Mapping[str, Sequence[RunName]] | None = None,
    *,
    roots: Sequence[str] = (),
) -> MigrationPlan:
    """What the strategy changes in a project. Nothing is written.

    names: under which each file runs; `live_names` if not given. roots: those that the analysis was given.
    Raises StrataError for an unknown strategy.
    """
    rule = find_strategy(strategy)
    live = live_names(analysis) if names is None else names
    judged = [judge_file(facts, live[path], analysis.modules, rule) for path, facts in analysis.files.items()]
    files = tuple(
        PlannedFile(
            each.path,
            analysis.files[each.path].digest,
            tuple(PlannedImport(*one.statement.start, one.before, one.after) for one in each.converted),
        )
        for each in judged
        if each.converted and is_utf8(each.path)
    )
    refusals = [Refusal(each.path, each.line, each.code, each.message) for each in analysis.tree.problems]
    refusals += [refusal for each in judged for refusal in each.refusals]
    refusals += [Refusal(each.path, None, NAME, _NOT_UTF8) for each in judged if not is_utf8(each.path)]
    figures = Figures(
        len(judged),
        sum(each.eligible for each in judged),
        sum(each.following_before for each in judged),
        sum(each.plain for each in judged),
    )
    return MigrationPlan(strategy, files, tuple(map(_shown, refusals)), figures, tuple(roots))


def step_for(
    root: Path, planned: PlannedFile, facts: FileFacts | None, names: Sequence[RunName], modules: Modules
) -> Step | Refusal:
    """The change of one file, proved harmless, or why it is not made. A plan is not trusted: it may be edited."""
    path = planned.path
    if facts is None:
        return Refusal(path, None, UNKNOWN, f"{path} is no Python file of this project that may be changed")
    try:
        before = read_source(root / path)
        if hashlib.sha256(before).hexdigest() != planned.digest or facts.digest != planned.digest:
            return Refusal(path, None, Why.STALE, f"{path} has changed since it was planned")
        source = decode(before)
        edits = _edits(source, planned, facts)
        if isinstance(edits, Refusal):
            return edits
        after = Source(splice(source.text, edits), source.encoding).encode()
    except BadSource as error:
        return Refusal(path, None, error.code, f"{path} {error}")
    proof = prove(before, after, facts, names, modules)
    if isinstance(proof, Refusal):
        return proof
    count = len(planned.imports)
    return Step(path, f"{count} import{'s' if count > 1 else ''} of {path}", (Change(path, before, after),))


def _shown(refusal: Refusal) -> Refusal:
    return replace(refusal, path=refusal.path.encode(errors="backslashreplace").decode())


def _edits(source: Source, planned: PlannedFile, facts: FileFacts) -> list[Edit] | Refusal:
    statements = {each.start: each for each in facts.statements}
    edits = []
    for each in planned.imports:
        statement = statements.get((each.line, each.column))
        if statement is None or statement.level is None or _written(statement) != each.before:
            why = f"there is no `from {each.before} import` at line {each.line}, column {each.column}"
            return Refusal(planned.path, each.line, Why.NOT_EQUAL, why)
        edits.append(edit_module(source, statement, each.after))
    if len({(each.start, each.end) for each in edits}) != len(edits):
        return Refusal(planned.path, None, Why.NOT_EQUAL, "an import is planned twice")
    return edits


def _written(statement: Statement) -> str:
    return "." * (statement.level or 0) + statement.module
